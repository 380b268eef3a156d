#include "core/guest.h"

#include "core/report.h"

#include <errno.h>
#include <string.h>

/* One card: its chosen functions, in address order. */
struct card {
	const struct device *functions[8];
	size_t n;
	bool whole;    /* none of its functions stays with the host */
	size_t number; /* counts cards, from 0 */
};

const char *guest_format_name(unsigned format)
{
	static const char *const names[] = {
		[GUEST_LIBVIRT] = "libvirt",
		[GUEST_QEMU] = "qemu",
		[GUEST_PROXMOX] = "proxmox",
	};

	return format < ARRAY_SIZE(names) ? names[format] : NULL;
}

/* A function number of the guest: it needs a function 0, or it looks at none of the others. */
static unsigned guest_function(const struct card *card, size_t i)
{
	return card->functions[0]->function == 0 ? card->functions[i]->function : (unsigned)i;
}

/* "0000:03:00", without the function. */
static int slot_length(const struct device *device)
{
	return (int)(strlen(device->address) - 2);
}

/* A name in a comment, where "--" must not stand in XML. */
static void add_name(struct str *out, const struct device *device)
{
	char buf[64];
	_cleanup_(str_free) struct str clean = {0};

	report_printable(device_label(device, buf, sizeof(buf)), &clean);
	for (char *p = clean.s ? strstr(clean.s, "--") : NULL; p; p = strstr(p, "--"))
		p[1] = '.';
	str_addf(out, "%s %s", device->address, clean.s ? clean.s : "");
	out->failed |= clean.failed;
}

/* Which bus of the guest is free, only its definition tells: one card on each, from 16 on, is
 * behind what libvirt gives out by itself; it adds the root ports. */
static void add_guest_address(struct str *out, const struct card *card, size_t i)
{
	str_addf(out,
		"  <address type='pci' domain='0x0000' bus='0x%02zx' slot='0x00' "
		"function='0x%x'%s/>\n",
		16 + card->number, guest_function(card, i),
		guest_function(card, i) == 0 ? " multifunction='on'" : "");
}

static void libvirt_card(struct str *out, const struct card *card)
{
	for (size_t i = 0; i < card->n; i++) {
		const struct device *d = card->functions[i];

		str_add(out, "<!-- ");
		add_name(out, d);
		str_add(out,
			" -->\n<hostdev mode='subsystem' type='pci' managed='yes'>\n  <source>\n");
		str_addf(out,
			"    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
			"function='0x%x'/>\n"
			"  </source>\n",
			d->domain, d->bus, d->slot, d->function);
		if (card->n > 1)
			add_guest_address(out, card, i);
		str_add(out, "</hostdev>\n");
	}
}

static void qemu_card(struct str *out, const struct card *card)
{
	str_addf(out, "-device pcie-root-port,id=vfio%zu,chassis=%zu\n", card->number,
		16 + card->number);
	for (size_t i = 0; i < card->n; i++) {
		unsigned function = guest_function(card, i);

		str_addf(out, "-device vfio-pci,host=%s,bus=vfio%zu,addr=00.%x%s\n",
			card->functions[i]->address, card->number, function,
			card->n > 1 && function == 0 ? ",multifunction=on" : "");
	}
}

/* qm(1): a slot without a function stands for all of them. */
static void proxmox_card(struct str *out, const struct card *card)
{
	const struct device *first = card->functions[0];

	str_addf(out, "hostpci%zu: ", card->number);
	if (card->whole && card->n > 1)
		str_addf(out, "%.*s", slot_length(first), first->address);
	else
		for (size_t i = 0; i < card->n; i++)
			str_addf(out, "%s%s", i ? ";" : "", card->functions[i]->address);
	str_add(out, ",pcie=1\n");
}

/* The card that `first` is the first chosen function of. */
static void collect(const struct machine *machine, const struct choice *choice,
	const struct device *first, struct card *card)
{
	card->n = 0;
	card->whole = true;
	for (size_t i = 0; i < machine->n_devices; i++) {
		const struct device *d = &machine->devices[i];

		if (d != first && !device_same_card(d, first))
			continue;
		if (choice_has(choice, d) && card->n < ARRAY_SIZE(card->functions))
			card->functions[card->n++] = d;
		else if (!choice_has(choice, d))
			card->whole = false;
	}
}

static void comment(struct str *out, enum guest_format format, const char *address)
{
	str_addf(out, "%s%s is chosen, but is not there%s\n",
		format == GUEST_LIBVIRT ? "<!-- " : "# ", address,
		format == GUEST_LIBVIRT ? " -->" : "");
}

int guest_describe(const struct machine *machine, const struct choice *choice,
	enum guest_format format, struct str *out)
{
	static void (*const describe[])(struct str * out, const struct card *card) = {
		[GUEST_LIBVIRT] = libvirt_card,
		[GUEST_QEMU] = qemu_card,
		[GUEST_PROXMOX] = proxmox_card,
	};
	struct card card = {0};

	for (size_t i = 0; i < choice->n; i++) {
		const struct device *d = machine_device(machine, choice->picks[i].address);

		if (!d || !choice_has(choice, d)) {
			comment(out, format, choice->picks[i].address);
			continue;
		}
		collect(machine, choice, d, &card);
		if (card.functions[0] != d)
			continue;
		describe[format](out, &card);
		card.number++;
	}
	return str_check(out);
}
