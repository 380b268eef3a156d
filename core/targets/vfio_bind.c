/* vfio-bind: the script that binds by address and identity, its configuration, which is also where
 * the choice is kept, and the unit that repairs late what could not be bound early.
 * Unlike the recipe's: it compares identities, sets driver_override instead of new_id (which takes every
 * card with those ids), fails aloud, and runs before libvirt starts guests. */
#include "core/targets/target.h"

#include <errno.h>

static const char script[] = {
#include "core/targets/vfio-bind.inc"
	'\0'};

/* Order as driverctl(8)'s own unit has it; the condition is the undo at the boot prompt.  It also tells of a
 * change that was cut short, when its configuration may be gone. */
static const char unit[] =
	TARGET_MARK ".\n"
	"[Unit]\n"
	"Description=Bind the chosen PCI devices to vfio-pci\n"
	"DefaultDependencies=no\n"
	"ConditionKernelCommandLine=!module_blacklist=vfio_pci\n"
	"After=local-fs.target systemd-modules-load.service\n"
	"Before=basic.target libvirtd.service virtqemud.service libvirt-guests.service\n"
	"\n"
	"[Service]\n"
	"Type=oneshot\n"
	"RemainAfterExit=yes\n"
	"EnvironmentFile=-" CHOICE_PATH "\n"
	"ExecStart=" TARGET_SCRIPT " $DEVICES\n"
	"\n"
	"[Install]\n"
	"WantedBy=basic.target\n";

const char *target_late_binder(const struct machine *machine)
{
	return machine->host.without_systemd ? "vfio-bind, where the init system runs it,"
					     : "vfio-bind.service";
}

static bool detect(const struct target_input *in)
{
	(void)in;
	return true;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	const struct target *self = &target_vfio_bind;
	bool wanted = in->choice->n > 0;
	_cleanup_free_ char *config = NULL;
	int r;

	if (wanted && choice_format(in->choice, &config) < 0)
		return error_no_memory(err);
	r = target_own_file(in, plan, self, TARGET_SCRIPT, 0755, wanted ? script : NULL, err);
	if (r == 0)
		r = target_own_file(in, plan, self, CHOICE_PATH, 0644, config, err);
	if (r == 0)
		r = target_own_file(in, plan, self, TARGET_UNIT, 0644, wanted ? unit : NULL, err);
	if (r == 0)
		r = target_own_link(in, plan, self, TARGET_UNIT_LINK, TARGET_UNIT, wanted, err);
	return r;
}

const struct target target_vfio_bind = {.name = "vfio-bind", .detect = detect, .plan = plan};
