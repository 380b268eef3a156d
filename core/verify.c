#include "core/verify.h"

#include "core/edit_cmdline.h"
#include "core/targets/target.h"

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

/* The entry that dracut's 51-dracut-rescue.install makes on Fedora and its kin has no other word.
 */
static bool is_rescue_kernel(const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (base_starts(words->v[i], "BOOT_IMAGE="))
			return strstr(words->v[i], "/vmlinuz-0-rescue-");
	return false;
}

/* The word at which vfio-bind leaves everything to the host. */
static const char *recovery_word(const struct strv *words)
{
	const char *word = edit_cmdline_recovery(words);

	return word || !is_rescue_kernel(words) ? word : "vmlinuz-0-rescue";
}

bool verify_boot_is_spare(const struct strv *words)
{
	return recovery_word(words) || existing_refuses_vfio(words);
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
	const char *cmdline = machine->host.cmdline ? machine->host.cmdline : "", *recovery;
	_cleanup_(strv_free) struct strv words = {0};

	if (strv_split(&words, cmdline, " \t\n") < 0)
		return NULL;
	recovery = recovery_word(&words);
	if (recovery)
		return format("this is a recovery boot (\"%s\" on the kernel command line), where "
			      "every device stays with the host; reboot without it",
			recovery);
	if (existing_refuses_vfio(&words))
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
		      "since applying, else see %s",
		machine->host.without_systemd ? "what runs " TARGET_SCRIPT " at boot"
					      : "`systemctl status vfio-bind`");
}

/* The words that choose everything where it is now; what is nowhere is left out. */
static char *mend(const struct machine *machine, const struct choice *choice)
{
	_cleanup_(choice_free) struct choice moved = {0};
	_cleanup_(str_free) struct str out = {0};
	char *text;

	if (choice_copy(&moved, choice) < 0 || choice_follow(&moved, machine) < 0)
		return NULL;
	str_add(&out, "vfio-wizard apply");
	for (size_t i = 0; i < moved.n; i++) {
		const struct device *device = machine_device(machine, moved.picks[i].address);

		if (device && choice_has(&moved, device))
			str_addf(&out, " %s", device->address);
	}
	return str_take(&out, &text) < 0 ? NULL : text;
}

static char *explain_moved(const struct machine *machine, const struct choice *choice,
	const struct pick *pick, const struct device *now, bool is_sure)
{
	_cleanup_free_ char *command = mend(machine, choice);

	if (!command)
		return NULL;
	if (is_sure)
		return format(
			"the card chosen as %s is now at %s; nothing was bound; to follow it, run "
			"`%s` and reboot",
			pick->address, now->address, command);
	if (strcmp(pick->address, now->address) == 0)
		return format(
			"a card with the same ids is at this address, in another slot than the "
			"chosen one (%s); nothing was bound; if it is the one you mean, run "
			"`%s` and reboot",
			pick->path, command);
	return format("the card is not at this address, and the only one with its ids that is not "
		      "chosen is now at %s; nothing was bound; if it is the one you mean, run `%s` "
		      "and reboot",
		now->address, command);
}

static char *explain_absent(const struct pick *pick, const struct device *device)
{
	if (!device)
		return format(
			"no device is at this address: the card is out, elsewhere or switched "
			"off in the firmware setup; choose it anew where it is");
	if (pick->vendor == device->vendor && pick->device == device->device &&
		pick->subsystem_vendor == device->subsystem_vendor &&
		pick->subsystem_device == device->subsystem_device)
		return format(
			"several cards have the ids of the chosen one, and none is where it was "
			"(%s); nothing was bound, choose again",
			pick->path);
	return format("another device is at this address, %04x:%04x with subsystem %04x:%04x "
		      "instead of %04x:%04x with %04x:%04x; nothing was bound, choose again",
		device->vendor, device->device, device->subsystem_vendor, device->subsystem_device,
		pick->vendor, pick->device, pick->subsystem_vendor, pick->subsystem_device);
}

/* Well bound, and yet something about it has changed that others may rely on. */
static char *remark(const struct pick *pick, const struct device *device)
{
	if (pick->group < 0 || pick->group == device->group)
		return strdup("");
	return format("its IOMMU group was %lld when it was chosen and is %lld now: where a file "
		      "names /dev/vfio/%lld, write /dev/vfio/%lld",
		(long long)pick->group, (long long)device->group, (long long)pick->group,
		(long long)device->group);
}

static char *reason(const struct machine *machine, const struct choice *choice,
	const struct pick *pick, bool ok)
{
	const struct device *there = machine_device(machine, pick->address);
	bool is_sure;
	const struct device *now = choice_locate(choice, machine, pick, &is_sure);

	if (ok)
		return remark(pick, there);
	if (there && choice_has(choice, there))
		return explain(machine, there);
	return now ? explain_moved(machine, choice, pick, now, is_sure)
		   : explain_absent(pick, there);
}

static int judge(const struct machine *machine, const struct choice *choice,
	const struct pick *pick, struct verdict *ret)
{
	const struct device *device = machine_device(machine, pick->address);
	const struct device *now = choice_locate(choice, machine, pick, NULL);
	bool is_same = device && choice_has(choice, device);
	const char *driver = device ? device->driver : NULL;

	ret->ok = is_same && driver && device_is_vfio_driver(driver);
	(void)snprintf(ret->address, sizeof(ret->address), "%s", pick->address);
	ret->expected = strdup("vfio-pci");
	ret->actual = driver ? strdup(driver) : NULL;
	ret->reason = reason(machine, choice, pick, ret->ok);
	if (now)
		(void)snprintf(ret->now_at, sizeof(ret->now_at), "%s", now->address);
	return ret->expected && ret->reason && (!driver || ret->actual) ? 0 : -ENOMEM;
}

int verify_choice(const struct machine *machine, const struct choice *choice, struct verdicts *ret)
{
	_cleanup_(verdicts_free) struct verdicts verdicts = {0};

	verdicts.v = calloc(choice->n + 1, sizeof(*verdicts.v));
	if (!verdicts.v)
		return -ENOMEM;
	for (; verdicts.n < choice->n; verdicts.n++)
		if (judge(machine, choice, &choice->picks[verdicts.n], &verdicts.v[verdicts.n]) <
			0) {
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
		free(verdicts->kernels[i].rebuild);
	}
	free(verdicts->kernels);
	free(verdicts->spare);
	free(verdicts->spare_trouble);
	free(verdicts->v);
	*verdicts = (struct verdicts){0};
}
