/* libvirt's cgroup_device_acl, which replaces the built-in list of nodes that any guest may open,
 * in its cgroup and in its private /dev.  A <hostdev> does not need it (qemu_cgroup.c); a device on
 * a raw QEMU command line does.  The daemon reads qemu.conf only when it starts. */
#include "core/targets/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct words_place place = {WORDS_VIRCONF, TARGET_QEMU_CONF, "cgroup_device_acl"};

static bool detect(const struct target_input *in)
{
	return in->choice->options & CHOICE_LIBVIRT_ACL && root_exists(in->root, TARGET_QEMU_CONF);
}

/* The kernel's own per-device node, where it is built with CONFIG_VFIO_DEVICE_CDEV and the device
 * is on vfio-pci now. */
static int add_device_node(
	const struct target_input *in, const struct device *device, struct strv *ret)
{
	_cleanup_(strv_free) struct strv names = {0};
	char path[128];
	int r = 0;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", device->address);
	if (root_list(in->root, path, &names) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		uint64_t number;

		if (!base_starts(names.v[i], "vfio") ||
			base_number(names.v[i] + 4, 10, INT32_MAX, &number) < 0)
			continue;
		r = strv_add_unique(ret, "/dev/iommu");
		if (r == 0)
			r = strv_addf(ret, "/dev/vfio/devices/vfio%d", (int)number);
	}
	return r;
}

/* *ret_unknown: a chosen device whose group nobody knows yet. */
static int wanted_nodes(
	const struct target_input *in, struct strv *ret, const struct device **ret_unknown)
{
	int r = in->choice->n ? strv_add(ret, "/dev/vfio/vfio") : 0;

	for (size_t i = 0; r == 0 && i < in->choice->n; i++) {
		const struct device *device =
			machine_device(in->machine, in->choice->picks[i].address);
		char node[48];

		if (!device || !choice_has(in->choice, device))
			continue;
		if (device->group < 0) {
			*ret_unknown = device;
			continue;
		}
		(void)snprintf(node, sizeof(node), "/dev/vfio/%lld", (long long)device->group);
		r = strv_add_unique(ret, node);
		if (r == 0)
			r = add_device_node(in, device, ret);
	}
	return r;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(strv_free) struct strv nodes = {0};
	const struct device *unknown = NULL;
	int r = wanted_nodes(in, &nodes, &unknown);

	if (r == 0 && unknown)
		r = findings_add(&plan->findings, "libvirt-acl", SEVERITY_WARNING, unknown, -1,
			"apply the same choice again after the next boot",
			"%s is in no IOMMU group now, so the node that goes into "
			"cgroup_device_acl is not known yet.",
			unknown->address);
	if (r < 0)
		return error_no_memory(err);
	return target_own_words(in, plan, &target_libvirt, &place, NULL, &nodes, err);
}

static bool has_unit(const struct target_input *in, const char *unit)
{
	static const char *const places[] = {"/etc", "/usr/lib", "/lib"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		(void)snprintf(path, sizeof(path), "%s/systemd/system/%s", places[i], unit);
		if (root_exists(in->root, path))
			return true;
	}
	return false;
}

/* try-restart leaves alone what does not run; guests go on (KillMode=process). */
static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const units[] = {"virtqemud.service", "libvirtd.service"};

	if (!target_changed(plan, &target_libvirt) || !root_runs(in->root))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		const char *const argv[] = {"/usr/bin/systemctl", "try-restart", units[i], NULL};

		if (has_unit(in, units[i]) && plan_add_command(plan, COMMAND_PREPARE,
						      "let libvirt read its list anew", argv) < 0)
			return error_no_memory(err);
	}
	return 0;
}

const struct target target_libvirt = {
	.name = "libvirt", .detect = detect, .plan = plan, .commands = commands};
