/* What PCI passthrough needs of this machine, and whether it is there. */
#include "core/check_private.h"

#include "core/boot.h"
#include "core/forecast.h"
#include "core/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *requirement_state_name(enum requirement_state state)
{
	static const char *const names[] = {
		[REQUIREMENT_OK] = "ok",
		[REQUIREMENT_WARNING] = "warning",
		[REQUIREMENT_MISSING] = "missing",
	};

	return names[state];
}

void requirements_free(struct requirements *requirements)
{
	for (size_t i = 0; i < requirements->n; i++) {
		free(requirements->v[i].text);
		free(requirements->v[i].remedy);
	}
	free(requirements->v);
	*requirements = (struct requirements){0};
}

/* One run.  Once memory runs out, `r` stays set and nothing more is added. */
struct run {
	const struct machine *machine;
	const struct host *host;
	const struct choice *installed;
	struct requirements list;
	int r;
};

/* One requirement about to be filled. */
struct item {
	const char *id, *title;
};

static void add(struct run *run, struct item item, enum requirement_state state, const char *remedy,
	const char *fmt, ...) _printf_(5, 6);

static void add(struct run *run, struct item item, enum requirement_state state, const char *remedy,
	const char *fmt, ...)
{
	struct requirement new = {.id = item.id, .title = item.title, .state = state};
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&new.text, fmt, ap);
	va_end(ap);
	if (n < 0)
		new.text = NULL;
	new.remedy = strdup(remedy);
	if (run->r < 0 || !new.text || !new.remedy ||
		base_grow(&run->list.v, run->list.n, sizeof(*run->list.v)) < 0) {
		free(new.text);
		free(new.remedy);
		run->r = -ENOMEM;
		return;
	}
	run->list.v[run->list.n++] = new;
}

static void require_cpu(struct run *run)
{
	static const struct item item = {"cpu", "CPU virtualization"};

	switch (run->host->cpu_virtualization) {
	case YES:
		add(run, item, REQUIREMENT_OK, "", "the CPU has VT-x or AMD-V (vmx or svm)");
		break;
	case NO:
		add(run, item, REQUIREMENT_MISSING,
			"switch on VT-x or SVM in the firmware setup; a virtual machine needs "
			"nested "
			"virtualization from its hypervisor",
			"the CPU shows neither VT-x nor AMD-V");
		break;
	case UNKNOWN:
		add(run, item, REQUIREMENT_WARNING, "look for vmx or svm in /proc/cpuinfo",
			"not known: no CPU flags to read here");
		break;
	}
}

static void require_firmware(struct run *run)
{
	static const struct item item = {"iommu-firmware", "IOMMU in the firmware"};

	switch (run->host->firmware) {
	case FIRMWARE_VTD:
		add(run, item, REQUIREMENT_OK, "", "VT-d: the firmware has a DMAR table");
		break;
	case FIRMWARE_AMDVI:
		add(run, item, REQUIREMENT_OK, "", "AMD-Vi: the firmware has an IVRS table");
		break;
	case FIRMWARE_NONE:
		add(run, item, run->host->iommu_active ? REQUIREMENT_OK : REQUIREMENT_MISSING,
			run->host->iommu_active
				? ""
				: "switch on VT-d (Intel) or AMD-Vi, also called IOMMU (AMD), in "
				  "the "
				  "firmware setup; a virtual machine needs a virtual IOMMU",
			"no DMAR and no IVRS table");
		break;
	case FIRMWARE_UNKNOWN:
		add(run, item, run->host->iommu_active ? REQUIREMENT_OK : REQUIREMENT_WARNING,
			run->host->iommu_active ? ""
						: "make sure that VT-d or AMD-Vi is on in the "
						  "firmware setup",
			"not known: the firmware's tables cannot be seen here%s",
			run->host->iommu_active ? ", but the IOMMU is on" : "");
		break;
	}
}

static void iommu_comes(struct run *run, struct item item)
{
	if (forecast_needs_intel_iommu(run->machine))
		add(run, item, REQUIREMENT_WARNING,
			"applying adds intel_iommu=on to the kernel command line; a reboot then "
			"switches it on",
			"off; groups are not known yet");
	else
		add(run, item, REQUIREMENT_WARNING,
			"reboot without the parameter that keeps it off",
			"off in this boot; groups are not known yet");
}

static void iommu_off(
	struct run *run, struct item item, enum forecast_iommu iommu, const char *parameter)
{
	char remedy[400];

	switch (iommu) {
	case FORECAST_IOMMU_ON:
		break;
	case FORECAST_IOMMU_COMES:
		iommu_comes(run, item);
		break;
	case FORECAST_IOMMU_REFUSED:
		(void)snprintf(remedy, sizeof(remedy),
			"remove %.200s from the kernel command line, %s, and reboot", parameter,
			boot_loader_take_out(choice_boot_loader(run->installed, run->machine)));
		add(run, item, REQUIREMENT_MISSING, remedy, "kept off by %s", parameter);
		break;
	case FORECAST_IOMMU_FIRMWARE:
		add(run, item, REQUIREMENT_MISSING,
			"switch on VT-d or AMD-Vi in the firmware setup first", "off");
		break;
	case FORECAST_IOMMU_BY_HAND:
		add(run, item, REQUIREMENT_MISSING,
			"add intel_iommu=on to the kernel command line in your boot loader's "
			"configuration, and reboot",
			"off, and this boot loader is not one that vfio-wizard sets up");
		break;
	case FORECAST_IOMMU_UNKNOWN:
		add(run, item, REQUIREMENT_MISSING,
			"switch it on in the firmware setup; else look for DMAR or AMD-Vi in the "
			"kernel's messages (dmesg)",
			"off, for a reason that cannot be seen from here");
		break;
	}
}

static void require_iommu(struct run *run)
{
	static const struct item item = {"iommu", "IOMMU"};
	char parameter[200];
	enum forecast_iommu iommu;

	if (forecast_iommu(run->machine, NULL, NULL, &iommu, parameter, sizeof(parameter)) < 0)
		run->r = -ENOMEM;
	else if (run->host->iommu_active && iommu != FORECAST_IOMMU_REFUSED)
		add(run, item, REQUIREMENT_OK, "", "on, with %zu groups", run->machine->n_groups);
	else
		iommu_off(run, item, iommu, parameter);
}

static void require_interrupts(struct run *run)
{
	static const struct item item = {"interrupt-remapping", "Interrupt remapping"};

	if (run->host->interrupt_remapping == YES)
		add(run, item, REQUIREMENT_OK, "", "on");
	else if (run->host->interrupt_remapping == NO && run->host->iommu_active)
		add(run, item, REQUIREMENT_MISSING,
			"switch it on in the firmware setup (with VT-d or x2APIC)",
			"off: guests with a device do not start");
	else
		add(run, item, REQUIREMENT_WARNING,
			run->host->iommu_active ? "if a guest reports \"No interrupt remapping "
						  "support\", switch it on "
						  "in the firmware setup"
						: "look again once the IOMMU is on",
			"not known%s", run->host->iommu_active ? "" : " while the IOMMU is off");
}

static void require_kernel(struct run *run)
{
	static const struct item item = {"kernel", "Kernel"};
	const struct kernel *next = machine_next_kernel(run->machine);

	if (!next)
		add(run, item, REQUIREMENT_WARNING,
			"install a kernel, or look into the right system",
			"not known: no kernel is installed in /lib/modules");
	else if (!machine_version_reaches(next->version, 3, 16, 0))
		add(run, item, REQUIREMENT_MISSING, "install and boot a newer kernel",
			"%s boots next; Linux 3.16 or newer is needed", next->version);
	else
		add(run, item, REQUIREMENT_OK, "", "%s boots next%s%s", next->version,
			next->running || !run->host->release ? "" : "; running: ",
			next->running || !run->host->release ? "" : run->host->release);
}

static void require_vfio(struct run *run)
{
	static const struct item item = {"vfio", "vfio-pci"};
	const struct module *vfio = machine_module(run->machine, "vfio_pci");
	const struct kernel *next = machine_next_kernel(run->machine);

	if (!next || !next->indexed)
		add(run, item, REQUIREMENT_WARNING,
			next ? "run depmod for that kernel" : "install a kernel that has it",
			"not known: %s",
			next ? "the kernel's modules have no index" : "no kernel found");
	else if (!vfio || machine_module_state(run->machine, "vfio_pci") == MODULE_MISSING)
		add(run, item, REQUIREMENT_MISSING,
			"install a kernel that has it (CONFIG_VFIO_PCI)",
			"not in kernel %s, which boots next", next->version);
	else if (machine_module_state(run->machine, "vfio_pci") == MODULE_BUILTIN)
		add(run, item, REQUIREMENT_WARNING,
			run->host->without_systemd
				? "have the init system run vfio-bind at boot: no unit starts here"
				: "nothing to do: vfio-bind.service moves the devices later in "
				  "boot",
			"built into kernel %s: the host's drivers come first", next->version);
	else
		add(run, item, REQUIREMENT_OK, "", "a module of kernel %s", next->version);
}

static void require_kvm(struct run *run)
{
	static const struct item item = {"kvm", "KVM"};

	if (run->host->kvm == YES)
		add(run, item, REQUIREMENT_OK, "", "/dev/kvm is there");
	else if (run->host->kvm == NO)
		add(run, item, REQUIREMENT_MISSING,
			"load kvm_intel or kvm_amd; the CPU's virtualization must be on in the "
			"firmware setup",
			"there is no /dev/kvm: guests cannot start");
	else
		add(run, item, REQUIREMENT_WARNING, "look for /dev/kvm on the booted system",
			"not known: this system is not running");
}

static void require_libvirt(struct run *run)
{
	static const struct item item = {"libvirt", "libvirt"};
	const char *version = run->host->libvirt;

	if (!version)
		add(run, item, REQUIREMENT_WARNING,
			"install libvirt's daemon if it shall run the guests",
			"not installed; QEMU alone can use the devices too");
	else if (!machine_version_reaches(version, 1, 1, 3))
		add(run, item, REQUIREMENT_WARNING, "install libvirt 1.1.3 or newer",
			"%s, which does not hand over devices with VFIO by itself", version);
	else
		add(run, item, REQUIREMENT_OK, "", "%s", version);
}

void check_others_text(struct str *out, const struct candidates *others,
	const struct boot_kind *table, const char *option)
{
	const char *before = ": ";

	if (others->n)
		str_addf(out, "say what it is, with %s or on the options screen", option);
	for (size_t i = 0; i < others->n; i++, before = ", ")
		str_addf(out, "%s%s (%s)", before, boot_kind_of(table, others->v[i].kind)->name,
			others->v[i].evidence);
}

/* What it is, by whom, what else it may be, and how to say so.  kind: as the installed choice has
 * it. */
static void require_found(struct run *run, struct item item, const struct boot_kind *kind,
	const struct detected *found, const struct candidates *others,
	const struct boot_kind *table, const char *option)
{
	_cleanup_(str_free) struct str text = {0}, remedy = {0};
	bool decided = kind->kind != found->kind;

	str_addf(&text, "%s%s%s%s%s",
		decided       ? kind->title
		: found->name ? found->name
			      : "not known",
		decided ? ", as " CHOICE_PATH " says; found was " : "",
		decided && found->name ? found->name : "", found->evidence ? " (" : "",
		found->evidence ? found->evidence : "");
	str_add(&text, found->evidence ? ")" : "");
	if (!kind->is_set_up && found->name)
		str_add(&text, ", which vfio-wizard does not set up");
	str_add(&remedy, others->n && found->kind ? "if that is wrong, " : "");
	if (decided)
		str_addf(&remedy, "say what was found: %s %s", option,
			boot_kind_of(table, found->kind)->name);
	else
		check_others_text(&remedy, others, table, option);
	if (!kind->is_set_up && !others->n)
		str_add(&remedy, "choose devices: the findings then say what to do by hand");
	if (str_check(&text) < 0 || str_check(&remedy) < 0)
		run->r = -ENOMEM;
	else
		add(run, item, kind->is_set_up ? REQUIREMENT_OK : REQUIREMENT_WARNING,
			remedy.s ? remedy.s : "", "%s", text.s);
}

static void require_system(struct run *run)
{
	static const struct item item = {"distribution", "Distribution"};
	const struct host *host = run->host;
	const char *name = host->os_name ? host->os_name : host->os_id;
	_cleanup_free_ char *remedy = NULL;

	if (host->refusal && refusal_remedy(run->machine, NULL, &remedy) < 0)
		run->r = -ENOMEM;
	else if (host->refusal)
		add(run, item, REQUIREMENT_MISSING, remedy, "%s%s%s", name ? name : "",
			name ? ": " : "", refusal_reason(host->refusal));
	else
		add(run, item, REQUIREMENT_OK, "", "%s", name);
}

static void require_writable(struct run *run)
{
	static const struct item item = {"root-writable", "Configuration"};

	if (run->host->read_only == NO)
		add(run, item, REQUIREMENT_OK, "", "/etc is on a writable file system");
	else if (run->host->read_only == YES)
		add(run, item, REQUIREMENT_MISSING,
			"remount it writable (mount -o remount,rw /), or make the change where the "
			"system's image is built",
			"/etc is on a read-only file system");
	else
		add(run, item, REQUIREMENT_WARNING, "look whether --root names the right directory",
			"not known whether /etc can be written");
}

static void require_host(struct run *run)
{
	static const struct item container = {"container", "Container"};
	static const struct item lockdown = {"lockdown", "Kernel lockdown"};

	if (run->host->container == YES)
		add(run, container, REQUIREMENT_MISSING, "run vfio-wizard on the host itself",
			"this is a container: kernel and boot configuration are the host's");
	else
		add(run, container,
			run->host->container == NO ? REQUIREMENT_OK : REQUIREMENT_WARNING, "",
			run->host->container == NO ? "none: this is a whole system"
						   : "not known whether this is a container");
	if (run->host->lockdown == YES)
		add(run, lockdown, REQUIREMENT_OK, "",
			"on (Secure Boot): VFIO works; modules without a signature do not load");
	else
		add(run, lockdown, run->host->lockdown == NO ? REQUIREMENT_OK : REQUIREMENT_WARNING,
			"", run->host->lockdown == NO ? "off" : "not known; VFIO works either way");
}

int check_requirements(
	const struct machine *machine, const struct choice *installed, struct requirements *ret)
{
	static const struct item loader = {"boot-loader", "Boot loader"};
	static const struct item initramfs = {"initramfs", "Initramfs"};
	const struct host *host = &machine->host;
	struct run run = {.machine = machine, .host = host, .installed = installed};

	require_cpu(&run);
	require_firmware(&run);
	require_iommu(&run);
	require_interrupts(&run);
	require_kernel(&run);
	require_vfio(&run);
	require_kvm(&run);
	require_libvirt(&run);
	require_found(&run, loader, boot_loader_kind(choice_boot_loader(installed, machine)),
		&host->boot_loader_found, &host->boot_loader_others, boot_loader_kinds,
		"--boot-loader");
	require_found(&run, initramfs, boot_initramfs_kind(choice_initramfs(installed, machine)),
		&host->initramfs_found, &host->initramfs_others, boot_initramfs_kinds,
		"--initramfs");
	require_system(&run);
	require_writable(&run);
	require_host(&run);
	if (run.r < 0) {
		requirements_free(&run.list);
		return run.r;
	}
	*ret = run.list;
	return 0;
}
