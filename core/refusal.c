#include "core/refusal.h"

#include "core/parameters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *refusal_reason(enum refusal refusal)
{
	static const char *const reasons[] = {
		[REFUSAL_CONTAINER] = "This is a container: kernel and boot configuration are the "
				      "host's.",
		[REFUSAL_NO_SYSTEM] =
			"There is no os-release file in /etc or /usr/lib, so nobody can "
			"tell which system this is.",
		[REFUSAL_NIXOS] = "NixOS makes its boot out of its own configuration, and whatever "
				  "else is written is overwritten.",
		[REFUSAL_TRANSACTIONAL] =
			"This system changes by snapshots of transactional-update "
			"only; its root file system is read-only.",
		[REFUSAL_BOOTC] = "This system is a bootc image: its kernel parameters and its "
				  "initramfs are made with the image.",
		[REFUSAL_OSTREE] = "This is an ostree system without rpm-ostree: its kernel "
				   "parameters and its initramfs belong to its deployments.",
	};

	return reasons[refusal];
}

/* What a system that is configured by hand must be told. */
struct wants {
	struct strv words;   /* kernel parameters, all vfio-pci.ids= in one */
	struct strv modules; /* drivers that must come after vfio-pci */
	struct strv twins;   /* addresses that ids= cannot name without another device */
};

static void wants_free(struct wants *wants)
{
	strv_free(&wants->words);
	strv_free(&wants->modules);
	strv_free(&wants->twins);
}

static int want_words(const struct machine *machine, const struct choice *choice, struct strv *ret)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = parameters_wanted(machine, choice, &words);

	for (size_t i = 0; r == 0 && i < words.n; i++)
		if (!base_starts(words.v[i], "vfio-pci.ids="))
			r = strv_add(ret, words.v[i]);
	return r;
}

static int want_device(struct wants *wants, const struct machine *machine,
	const struct choice *choice, const struct device *device, struct str *ids)
{
	char id[24];
	int r = 0;

	(void)snprintf(id, sizeof(id), "%04x:%04x:%04x:%04x", device->vendor, device->device,
		device->subsystem_vendor, device->subsystem_device);
	if (!choice_owns_identity(choice, machine, device))
		r = strv_add(&wants->twins, device->address);
	else if (!ids->s || !strstr(ids->s, id))
		str_addf(ids, "%s%s", ids->len ? "," : "", id);
	for (size_t i = 0; r == 0 && i < device->modules->n; i++)
		if (!device_is_vfio_driver(device->modules->v[i]))
			r = strv_add_unique(&wants->modules, device->modules->v[i]);
	if (r == 0 && device->driver && !device_is_vfio_driver(device->driver) &&
		!device->modules->n)
		r = strv_add_unique(&wants->modules, device->driver);
	return r;
}

static int wants_find(
	const struct machine *machine, const struct choice *choice, struct wants *wants)
{
	_cleanup_(str_free) struct str ids = {0};
	int r = want_words(machine, choice, &wants->words);

	for (size_t i = 0; r == 0 && i < choice->n; i++) {
		const struct device *device = machine_device(machine, choice->picks[i].address);

		if (device && choice_has(choice, device))
			r = want_device(wants, machine, choice, device, &ids);
	}
	if (r < 0 || str_check(&ids) < 0)
		return -ENOMEM;
	return ids.len ? strv_addf(&wants->words, "vfio-pci.ids=%s", ids.s) : 0;
}

static void list(struct str *out, const struct strv *words, const char *quote, const char *between)
{
	for (size_t i = 0; i < words->n; i++)
		str_addf(out, "%s%s%s%s", i ? between : "", quote, words->v[i], quote);
}

/* nixpkgs has sorted kernelModules by name since 2025, so the order comes from softdep, which is in
 * the initrd too.  preDeviceCommands run before udev. */
static void nixos(struct str *out, const struct wants *wants)
{
	str_add(out, "put this into /etc/nixos/configuration.nix:\nboot.kernelParams = [ ");
	list(out, &wants->words, "\"", " ");
	str_add(out,
		" ];\nboot.initrd.kernelModules = [ \"vfio_pci\" \"vfio\" \"vfio_iommu_type1\" "
		"];\nboot.extraModprobeConfig = ''\n");
	for (size_t i = 0; i < wants->modules.n; i++)
		str_addf(out, "softdep %s pre: vfio-pci\n", wants->modules.v[i]);
	str_add(out, "'';\n");
	if (wants->twins.n)
		str_add(out, "# by address; not with boot.initrd.systemd.enable\n"
			     "boot.initrd.preDeviceCommands = ''\nmodprobe vfio-pci\n");
	for (size_t i = 0; i < wants->twins.n; i++)
		str_addf(out,
			"echo vfio-pci >/sys/bus/pci/devices/%s/driver_override\n"
			"echo %s >/sys/bus/pci/drivers_probe\n",
			wants->twins.v[i], wants->twins.v[i]);
	str_addf(out, "%sThen run nixos-rebuild boot, and reboot.", wants->twins.n ? "'';\n" : "");
}

static void no_ids(struct str *out, const struct wants *wants)
{
	if (!wants->twins.n)
		return;
	str_add(out, "\nNot so ");
	list(out, &wants->twins, "", ", ");
	str_add(out,
		": another device with the same ids stays with the host, so it must be bound by "
		"its address, through driver_override.");
}

static void bootc(struct str *out, const struct wants *wants)
{
	str_add(out, "build an image with these two files, and make its initramfs anew "
		     "behind them:\n/usr/lib/bootc/kargs.d/50-vfio.toml\nkargs = [");
	list(out, &wants->words, "\"", ", ");
	str_add(out, "]\n/usr/lib/dracut/dracut.conf.d/50-vfio.conf\n"
		     "force_drivers+=\" vfio_pci vfio vfio_iommu_type1 \"\n"
		     "Then bootc upgrade, and reboot.");
	no_ids(out, wants);
}

static void ostree(struct str *out, const struct wants *wants)
{
	str_add(out,
		"with the tool that manages its deployments, put vfio_pci into the initramfs, and "
		"on the kernel command line: ");
	list(out, &wants->words, "", " ");
	str_addc(out, '.');
	no_ids(out, wants);
}

/* Inside its snapshot everything is as on any other system. */
static void transactional(struct str *out, const struct choice *choice)
{
	str_add(out, "start `transactional-update shell`, run in it `vfio-wizard");
	for (size_t i = 0; i < choice->n; i++)
		str_addf(out, "%s%s", i ? " " : " apply ", choice->picks[i].address);
	str_add(out, "`, leave it with `exit`, and reboot.");
}

int refusal_remedy(const struct machine *machine, const struct choice *choice, char **ret)
{
	static const struct choice nothing;
	_cleanup_(wants_free) struct wants wants = {0};
	_cleanup_(str_free) struct str out = {0};
	const struct choice *c = choice ? choice : &nothing;

	if (wants_find(machine, c, &wants) < 0)
		return -ENOMEM;
	switch (machine->host.refusal) {
	case REFUSAL_NONE:
		break;
	case REFUSAL_CONTAINER:
		str_add(&out, "run vfio-wizard on the host itself");
		break;
	case REFUSAL_NO_SYSTEM:
		str_add(&out, "name the root directory of a system with --root");
		break;
	case REFUSAL_TRANSACTIONAL:
		transactional(&out, c);
		break;
	case REFUSAL_NIXOS:
	case REFUSAL_BOOTC:
	case REFUSAL_OSTREE:
		if (!c->n)
			str_add(&out,
				"choose the devices: then the lines for exactly these are here");
		else if (machine->host.refusal == REFUSAL_NIXOS)
			nixos(&out, &wants);
		else if (machine->host.refusal == REFUSAL_BOOTC)
			bootc(&out, &wants);
		else
			ostree(&out, &wants);
		break;
	}
	return str_take(&out, ret);
}
