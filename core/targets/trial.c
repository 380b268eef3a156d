/* The first boot on trial: units that take the change back unless somebody confirms it
 * (core/trial.h). They outlive a boot that ends in emergency mode, which is when they matter most:
 * no default dependencies, and isolating another target leaves them alone (systemd.unit(5)). */
#include "core/targets/target.h"

#include "core/trial.h"

#include <errno.h>

#define TIMER_LINK "/etc/systemd/system/sysinit.target.wants/vfio-wizard-trial.timer"
#define PATH_LINK  "/etc/systemd/system/paths.target.wants/vfio-wizard-confirm.path"

#define HEAD                                                                                       \
	"DefaultDependencies=no\n"                                                                 \
	"IgnoreOnIsolate=yes\n"                                                                    \
	"Conflicts=shutdown.target\n"                                                              \
	"Before=shutdown.target\n"                                                                 \
	"ConditionPathExists=" TRIAL_PATH "\n"

static bool detect(const struct target_input *in)
{
	return in->choice->options & CHOICE_TRIAL;
}

static int build(const struct target_input *in, const char *program, char **service, char **timer,
	char **confirm)
{
	_cleanup_(str_free) struct str s = {0}, t = {0}, c = {0};

	str_addf(&s,
		TARGET_MARK
		".\n[Unit]\n"
		"Description=Take PCI passthrough back, which nobody confirmed\n" HEAD
		"SuccessAction=reboot\n\n[Service]\nType=oneshot\nExecStart=%s expire\n",
		program);
	str_addf(&t,
		TARGET_MARK ".\n[Unit]\n"
			    "Description=PCI passthrough is on trial: vfio-wizard confirm\n" HEAD
			    "\n[Timer]\nOnBootSec=%umin\nAccuracySec=1s\n\n"
			    "[Install]\nWantedBy=sysinit.target\n",
		choice_trial_minutes(in->choice));
	str_addf(&c,
		TARGET_MARK ".\n[Unit]\n"
			    "Description=Confirm PCI passthrough where somebody came in over SSH\n"
			    "ConditionPathExists=" TRIAL_PATH "\n\n"
			    "[Service]\nType=oneshot\nExecStart=%s confirm --ssh-login\n",
		program);
	if (str_take(&s, service) < 0 || str_take(&t, timer) < 0 || str_take(&c, confirm) < 0)
		return -ENOMEM;
	return 0;
}

static const char login[] = TARGET_MARK
	".\n[Unit]\n"
	"Description=Look for a login over SSH while PCI passthrough is on trial\n"
	"ConditionPathExists=" TRIAL_PATH "\n\n"
	"[Path]\nPathChanged=/run/systemd/sessions\nUnit=vfio-wizard-confirm.service\n\n"
	"[Install]\nWantedBy=paths.target\n";

static int note_no_program(struct plan *plan)
{
	return findings_add(&plan->findings, "program-missing", SEVERITY_BLOCK, NULL, -1,
		"install it there (make install), or switch the option off",
		"vfio-wizard is not installed in this system: nobody could take the change back at "
		"the first boot.");
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	const struct target *self = &target_trial;
	_cleanup_free_ char *service = NULL, *timer = NULL, *confirm = NULL;
	const char *program = target_program(in);
	bool wanted = in->choice->n && program,
	     ssh = wanted && in->choice->options & CHOICE_TRIAL_SSH;
	int r = 0;

	if (wanted)
		r = build(in, program, &service, &timer, &confirm);
	else if (in->choice->n)
		r = note_no_program(plan);
	if (r < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = target_own_file(in, plan, self, TARGET_TRIAL_SERVICE, 0644, service, err);
	if (r == 0)
		r = target_own_file(in, plan, self, TARGET_TRIAL_TIMER, 0644, timer, err);
	if (r == 0)
		r = target_own_link(in, plan, self, TIMER_LINK, TARGET_TRIAL_TIMER, wanted, err);
	if (r == 0)
		r = target_own_file(
			in, plan, self, TARGET_CONFIRM, 0644, ssh ? confirm : NULL, err);
	if (r == 0)
		r = target_own_file(
			in, plan, self, TARGET_CONFIRM_PATH, 0644, ssh ? login : NULL, err);
	if (r == 0)
		r = target_own_link(in, plan, self, PATH_LINK, TARGET_CONFIRM_PATH, ssh, err);
	return r;
}

const struct target target_trial = {.name = "trial", .detect = detect, .plan = plan};
