/* Findings about what the host loses: with each device that goes, and with the last of a kind. */
#include "core/check_private.h"

#include "core/viability.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of one kind, of one device: more are only counted. */
#define TEXTS_MAX 4

/* What a use means for the host; no id: no finding. */
static const struct {
	const char *id;
	enum severity severity;
	const char *loses, *remedy;
} uses[] = {
	[USE_ROOT_DISK] = {"root-disk", SEVERITY_DANGER,
		"The host's own system is on it: this host would not boot",
		"take it out of the choice"},
	[USE_BOOT_DISK] = {"boot-disk", SEVERITY_DANGER,
		"The host would wait for it in boot, and new kernels would not reach its boot "
		"loader",
		"take it out of the choice"},
	[USE_MOUNTED_DISK] = {"mounted-disk", SEVERITY_DANGER,
		"The host loses a file system that it uses, and may stop in boot waiting for it",
		"unmount it and take it out of /etc/fstab first, or take it out of the choice"},
	[USE_SWAP_DISK] = {"swap-disk", SEVERITY_DANGER,
		"The host loses swap space that it uses, and may wait for it in boot",
		"swapoff and take it out of /etc/fstab and resume= first, or take it out of the "
		"choice"},
	[USE_NETWORK] = {"network-in-use", SEVERITY_DANGER,
		"The host loses a network connection that it uses",
		"move the host's network to another card first, or be at the console"},
	[USE_BOOT_DISPLAY] = {"boot-display", SEVERITY_DANGER,
		"What the host shows on it goes black once vfio-pci takes it",
		"set the firmware to another graphics card, or have a serial line or ssh at hand"},
	[USE_SERIAL_CONSOLE] = {"serial-console", SEVERITY_DANGER,
		"The host loses the line that its messages and perhaps a login are on",
		"set console= to another line, or have a screen or ssh at hand"},
	[USE_GUEST] = {"guest-running", SEVERITY_WARNING, "A guest uses it now",
		"see that no two guests are given the same device"},
	[USE_SCREEN] = {"screen-connected", SEVERITY_WARNING,
		"The host shows nothing there any more, until the guest does",
		"move the cable to a card that stays, where the host is to show something"},
	[USE_PROGRAM] = {"program-running", SEVERITY_WARNING,
		"After the next boot such programs do without it",
		"see that nothing of the host is set up to need it"},
	[USE_SERVICE] = {"service-lost", SEVERITY_WARNING, "The host loses that",
		"take it out of the choice where the host needs it: a TPM may unlock its disks"},
	[USE_IDLE_DISK] = {"disk-data", SEVERITY_WARNING,
		"The guest can read and overwrite it, and the host cannot use it any more",
		"make sure that it is meant for the guest"},
	[USE_CLAIMED] = {"guest-defined", SEVERITY_INFO, "Only one guest at a time can have it",
		""},
};

/* The first chosen device in its group, for a device that is not chosen. */
static const struct device *taken_along_by(const struct check *c, const struct device *d)
{
	if (d->group < 0)
		return NULL;
	for (size_t i = 0; i < c->choice->n; i++) {
		const struct device *chosen =
			machine_device(c->machine, c->choice->picks[i].address);

		if (chosen && chosen->group == d->group && choice_has(c->choice, chosen) &&
			!device_is_path(chosen))
			return chosen;
	}
	return NULL;
}

/* No guest with a device of the group starts while the host's driver has this member. */
static bool is_in_the_way(const struct device *d)
{
	return d->driver && !device_is_path(d) && !device_is_vfio_driver(d->driver) &&
	       strcmp(d->driver, "pci-stub") != 0;
}

/* Chosen, or a member of the group that has to go along: *by is who takes it there, or NULL. */
static bool goes(const struct check *c, const struct device *d, const struct device **by)
{
	*by = NULL;
	if (choice_has(c->choice, d))
		return !device_is_path(d);
	if (is_in_the_way(d))
		*by = taken_along_by(c, d);
	return *by;
}

/* Uses of one kind stand together; *i is left at the last of them. */
static void join_uses(const struct device *d, size_t *i, struct str *text)
{
	enum use_kind kind = d->uses[*i].kind;
	size_t n = 0;

	for (;; ++*i) {
		if (n++ < TEXTS_MAX)
			str_addf(text, "%s%s", n > 1 ? "; " : "",
				d->uses[*i].text ? d->uses[*i].text : "in use");
		if (*i + 1 == d->n_uses || d->uses[*i + 1].kind != kind)
			break;
	}
	if (n > TEXTS_MAX)
		str_addf(text, "; and %zu more", n - TEXTS_MAX);
}

/* The device, and why it goes where it was not chosen. */
static struct check_name name_along(const struct device *d, const struct device *by)
{
	struct check_name name = check_name(d);
	size_t n = strlen(name.s);

	if (by)
		(void)snprintf(name.s + n, sizeof(name.s) - n,
			" is in group %lld with %s and has to go along", (long long)d->group,
			by->address);
	return name;
}

static void add(struct check *c, const struct device *d, const struct device *by,
	enum use_kind kind, const char *text, const char *loses)
{
	check_add(c, uses[kind].id, uses[kind].severity, d, d->group, uses[kind].remedy,
		"%s: %s. %s.", name_along(d, by).s, text, loses);
}

/* Another device, which stays, carries it as well; a link that is down carries nothing. */
static bool is_carried(const struct check *c, const struct device *d, const struct use *use)
{
	const struct device *by;

	for (size_t i = 0; use->spare && i < c->machine->n_devices; i++) {
		const struct device *other = &c->machine->devices[i];

		if (other == d || goes(c, other, &by) ||
			(use->kind == USE_NETWORK && !device_has_use(other, USE_LINK)))
			continue;
		for (size_t k = 0; k < other->n_uses; k++)
			if (other->uses[k].kind == use->kind && other->uses[k].spare &&
				strcmp(other->uses[k].spare, use->spare) == 0)
				return true;
	}
	return false;
}

/* What the host loses with all uses of a kind: nothing but redundancy where each is carried by
 * another device too. */
static int loss(const struct check *c, const struct device *d, enum use_kind kind, struct str *out)
{
	_cleanup_(strv_free) struct strv spares = {0};

	for (size_t i = 0; i < d->n_uses; i++) {
		if (d->uses[i].kind != kind)
			continue;
		if (!is_carried(c, d, &d->uses[i])) {
			str_add(out, uses[kind].loses);
			return str_check(out);
		}
		if (strv_add_unique(&spares, d->uses[i].spare) < 0)
			return -ENOMEM;
	}
	str_add(out, "The host keeps it through the rest of ");
	for (size_t i = 0; i < spares.n; i++)
		str_addf(out, "%s%s", i ? " and " : "", spares.v[i]);
	str_add(out, ", without redundancy");
	return str_check(out);
}

static void check_device(struct check *c, const struct device *d, const struct device *by)
{
	for (size_t i = 0; i < d->n_uses; i++) {
		_cleanup_(str_free) struct str text = {0}, loses = {0};
		enum use_kind kind = d->uses[i].kind;

		join_uses(d, &i, &text);
		if ((size_t)kind >= ARRAY_SIZE(uses) || !uses[kind].id)
			continue;
		if (str_check(&text) < 0 || loss(c, d, kind, &loses) < 0)
			c->r = -ENOMEM;
		else
			add(c, d, by, kind, text.s, loses.s);
	}
	if (d->boot_vga && !device_has_use(d, USE_BOOT_DISPLAY))
		add(c, d, by, USE_BOOT_DISPLAY, "the firmware starts with it",
			uses[USE_BOOT_DISPLAY].loses);
}

/* The last keyboard, network or screen goes, once nothing that serves so is left with the host:
 * neither another PCI device nor, by the bits of `elsewhere`, anything else. */
static void check_last(struct check *c, const char *id,
	bool (*serves)(const struct check *c, const struct device *device), unsigned elsewhere,
	const char *loses, const char *remedy)
{
	const struct device *last = NULL, *by = NULL;

	for (size_t i = 0; i < c->machine->n_devices; i++) {
		const struct device *device = &c->machine->devices[i];

		if (!serves(c, device))
			continue;
		if (!goes(c, device, &by))
			return;
		last = device;
	}
	if (last && !(c->machine->elsewhere & elsewhere))
		check_add(c, id, SEVERITY_DANGER, last, last->group, remedy, "%s: %s.",
			name_along(last, by).s, loses);
}

static bool serves_input(const struct check *c, const struct device *device)
{
	(void)c;
	return device_has_use(device, USE_INPUT);
}

static bool serves_network(const struct check *c, const struct device *device)
{
	(void)c;
	return device_has_use(device, USE_NETWORK) || device_has_use(device, USE_LINK);
}

/* A 3D controller (class 03 02) has no output of its own: the half of a laptop's graphics, or a
 * card that only computes. */
static bool has_output(const struct device *device)
{
	return device->class >> 16 == 0x03 && (device->class >> 8 != 0x0302 || device->boot_vga ||
						      device_has_use(device, USE_SCREEN) ||
						      device_has_use(device, USE_BOOT_DISPLAY));
}

/* Somebody else's settings give it to vfio-pci at the next boot, as far as they can be read. */
static bool is_bound_elsewhere(const struct check *c, const struct device *device)
{
	const struct existing *e = c->existing;

	return e && (existing_binds(e, device, NULL) ||
			    (device_is_vfio_driver(device->driver) && (e->scripts || e->install)));
}

/* Something of the host draws on a card that stays: a driver, or the firmware's picture. */
static bool is_drawn_on(const struct check *c, const struct device *device)
{
	const char *driver = device->driver;

	return !is_bound_elsewhere(c, device) &&
	       (device->boot_vga || viability_claimant(c->machine, c->existing, device) ||
		       (driver && !device_is_vfio_driver(driver) &&
			       strcmp(driver, "pci-stub") != 0));
}

static bool serves_display(const struct check *c, const struct device *device)
{
	const struct device *by;

	return has_output(device) && (goes(c, device, &by) || is_drawn_on(c, device));
}

static void check_unknown(struct check *c)
{
	_cleanup_(str_free) struct str text = {0};

	machine_unknown(c->machine, &text);
	if (str_check(&text) < 0)
		c->r = -ENOMEM;
	else if (text.len)
		check_add(c, "use-unknown", SEVERITY_INFO, NULL, -1,
			"run this on the machine itself, as root",
			"Whether the host uses these devices is not known in full: %s.", text.s);
}

void check_uses(struct check *c)
{
	const struct device *by;

	for (size_t i = 0; c->r == 0 && i < c->machine->n_devices; i++) {
		const struct device *d = &c->machine->devices[i];

		if ((d->n_uses || d->boot_vga) && goes(c, d, &by))
			check_device(c, d, by);
	}
	check_last(c, "last-keyboard", serves_input, 1u << USE_INPUT,
		"no other controller with a keyboard is left to the host",
		"leave one controller with a keyboard to the host, or have ssh or a serial line");
	check_last(c, "only-network", serves_network, 1u << USE_NETWORK | 1u << USE_LINK,
		"no other network card with a link is left to the host",
		"leave one network card to the host, or be at the console");
	check_last(c, "only-display", serves_display, 1u << USE_SCREEN,
		"no other graphics card that the host can draw on is left to it, so it has no "
		"screen",
		"leave one graphics card to the host, or have ssh or a serial line at hand");
	check_unknown(c);
}
