/* Who may open the device nodes of VFIO: udev's default is root alone (libvirt hands a node to its
 * guest by itself).  Group nodes have the subsystem vfio, per-device ones vfio-dev
 * (drivers/vfio/group.c, vfio_main.c), /dev/iommu is a misc device. */
#include "core/targets/target.h"

#include <errno.h>
#include <string.h>

static const char rules[] =
	TARGET_MARK ": who may open the devices that are bound to vfio-pci.\n"
		    "SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\"\n"
		    "SUBSYSTEM==\"vfio-dev\", GROUP=\"kvm\", MODE=\"0660\"\n"
		    "SUBSYSTEM==\"misc\", KERNEL==\"iommu\", GROUP=\"kvm\", MODE=\"0660\"\n";

static bool detect(const struct target_input *in)
{
	return in->choice->options & CHOICE_VFIO_GROUP;
}

/* group(5); systemd's own groups may be in /usr/lib/group (nss-altfiles). */
static int has_group(const struct target_input *in, bool *ret)
{
	static const char *const files[] = {"/etc/group", "/usr/lib/group"};

	*ret = false;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		int r = root_read_text(in->root, files[i], &text, NULL);

		if (r == -ENOMEM)
			return r;
		if (r == 0 && (base_starts(text, "kvm:") || strstr(text, "\nkvm:")))
			*ret = true;
	}
	return 0;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	bool known = true;
	int r = in->choice->n ? has_group(in, &known) : 0;

	if (r == 0 && !known)
		r = findings_add(&plan->findings, "vfio-group", SEVERITY_WARNING, NULL, -1,
			"add it (groupadd --system kvm), or switch the option off",
			"There is no group kvm here: udev would leave the nodes in /dev/vfio to "
			"root, so no rule is written.");
	if (r < 0)
		return error_no_memory(err);
	return target_own_file(in, plan, &target_vfio_nodes, TARGET_UDEV, 0644,
		in->choice->n && known ? rules : NULL, err);
}

const struct target target_vfio_nodes = {.name = "udev", .detect = detect, .plan = plan};
