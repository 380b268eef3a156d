#include "core/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char *format(const char *fmt, ...) _printf_(1, 2);

/* NULL: no memory. */
static char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

static bool is_refused(const char *cmdline)
{
	_cleanup_(strv_free) struct strv words = {0};

	return cmdline && strv_split(&words, cmdline, " \t\n") == 0 &&
	       existing_refuses_vfio(&words);
}

/* The words at which vfio-bind leaves everything to the host. */
static const char *recovery_word(const char *cmdline)
{
	static const char *const words[] = {"single", "s", "S", "1", "recovery", "rescue",
		"emergency", "-b", "systemd.unit=rescue.target", "systemd.unit=emergency.target"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (machine_has_token(cmdline, words[i]))
			return words[i];
	return NULL;
}

/* The running kernel is known, and has no vfio-pci. */
static bool is_missing(const struct machine *machine)
{
	const struct module *module = machine_module(machine, "vfio_pci");

	for (size_t k = 0; k < machine->n_kernels; k++)
		if (machine->kernels[k].running)
			return !module || module->states[k] == MODULE_MISSING;
	return false;
}

/* Why a device that is there, and is the chosen one, is not with vfio-pci. */
static char *explain(const struct machine *machine, const struct device *device)
{
	const char *recovery = recovery_word(machine->host.cmdline);

	if (recovery)
		return format("this is a recovery boot (\"%s\" on the kernel command line), where "
			      "every device stays with the host; reboot without it",
			recovery);
	if (is_refused(machine->host.cmdline))
		return format("this boot was told to leave vfio-pci out (module_blacklist=vfio_pci "
			      "on the kernel command line); reboot without it");
	if (is_missing(machine))
		return format("the running kernel %s has no vfio-pci; boot one that has",
			machine->host.release ? machine->host.release : "");
	if (!machine->host.iommu_active)
		return format("the IOMMU is off, so vfio-pci takes nothing; reboot if you have not "
			      "done so since applying, then see what `check` says about the IOMMU");
	if (device->group < 0)
		return format("the device is in no IOMMU group, so vfio-pci cannot take it");
	if (device->override_set)
		return format(
			"vfio-bind asked for vfio-pci, which did not take it; look for vfio in "
			"the kernel's messages (dmesg)");
	return format("nothing asked for vfio-pci in this boot; reboot if you have not done so "
		      "since applying, else see `systemctl status vfio-bind`");
}

static char *explain_absent(const struct pick *pick, const struct device *device)
{
	if (!device)
		return format(
			"no device is at this address: the card is out, elsewhere or switched "
			"off in the firmware setup; choose it anew where it is");
	return format("another device is at this address, %04x:%04x with subsystem %04x:%04x "
		      "instead of %04x:%04x with %04x:%04x; nothing was bound, choose again",
		device->vendor, device->device, device->subsystem_vendor, device->subsystem_device,
		pick->vendor, pick->device, pick->subsystem_vendor, pick->subsystem_device);
}

static int judge(const struct machine *machine, const struct pick *pick, struct verdict *ret)
{
	const struct device *device = machine_device(machine, pick->address);
	bool is_same = device && pick_matches(pick, device);
	const char *driver = device ? device->driver : NULL;

	ret->ok = is_same && driver && device_is_vfio_driver(driver);
	(void)snprintf(ret->address, sizeof(ret->address), "%s", pick->address);
	ret->expected = strdup("vfio-pci");
	ret->actual = driver ? strdup(driver) : NULL;
	ret->reason = ret->ok   ? strdup("")
		      : is_same ? explain(machine, device)
				: explain_absent(pick, device);
	return ret->expected && ret->reason && (!driver || ret->actual) ? 0 : -ENOMEM;
}

int verify_choice(const struct machine *machine, const struct choice *choice, struct verdicts *ret)
{
	_cleanup_(verdicts_free) struct verdicts verdicts = {0};

	verdicts.v = calloc(choice->n + 1, sizeof(*verdicts.v));
	if (!verdicts.v)
		return -ENOMEM;
	for (; verdicts.n < choice->n; verdicts.n++)
		if (judge(machine, &choice->picks[verdicts.n], &verdicts.v[verdicts.n]) < 0) {
			verdicts.n++;
			return -ENOMEM;
		}
	*ret = verdicts;
	verdicts = (struct verdicts){0};
	return 0;
}

void verdicts_free(struct verdicts *verdicts)
{
	for (size_t i = 0; i < verdicts->n; i++) {
		free(verdicts->v[i].expected);
		free(verdicts->v[i].actual);
		free(verdicts->v[i].reason);
	}
	for (size_t i = 0; i < verdicts->n_kernels; i++) {
		free(verdicts->kernels[i].version);
		free(verdicts->kernels[i].image);
	}
	free(verdicts->kernels);
	free(verdicts->v);
	*verdicts = (struct verdicts){0};
}
