/* The first boot on trial: units that take the change back unless somebody confirms it
 * (core/trial.h). They outlive a boot that ends in emergency mode, which is when they matter most:
 * no default dependencies, and isolating another target leaves them alone (systemd.unit(5)). */
#include "core/targets/target.h"

#include "core/snapshot.h"
#include "core/trial.h"

#include <errno.h>

#define TIMER_LINK "/etc/systemd/system/sysinit.target.wants/vfio-wizard-trial.timer"
#define PATH_LINK  "/etc/systemd/system/paths.target.wants/vfio-wizard-confirm.path"

#define HEAD                                                                                       \
	"DefaultDependencies=no\n"                                                                 \
	"IgnoreOnIsolate=yes\n"                                                                    \
	"ConditionVirtualization=!container\n"                                                     \
	"Conflicts=shutdown.target\n"                                                              \
	"Before=shutdown.target\n"

#define IF_ON_TRIAL "ConditionPathExists=" TRIAL_PATH "\n"

struct units {
	char *service, *tried, *timer, *confirm;
};

static void units_free(struct units *units)
{
	free(units->service);
	free(units->tried);
	free(units->timer);
	free(units->confirm);
}

static bool detect(const struct target_input *in)
{
	return in->choice->options & CHOICE_TRIAL;
}

/* Where the state directory itself is not there, /var is not: `expire` mounts it and looks.  It
 * also tries again by itself: OnUnitInactiveSec= would start a service whose condition fails every
 * minute for as long as the machine runs, since what counts there is when it was triggered last. */
static int build_service(const char *program, char **ret)
{
	_cleanup_(str_free) struct str s = {0};

	str_addf(&s,
		TARGET_MARK ".\n[Unit]\n"
			    "Description=Take PCI passthrough back, which nobody confirmed\n" HEAD
			    "ConditionPathExists=|" TRIAL_PATH "\n"
			    "ConditionPathExists=|!" SNAPSHOT_STATE_DIR "\n"
			    "SuccessAction=reboot\n\n"
			    "[Service]\nType=oneshot\nExecStart=%s expire\n",
		program);
	return str_take(&s, ret);
}

static int build_tried(const char *program, char **ret)
{
	_cleanup_(str_free) struct str s = {0};

	str_addf(&s,
		TARGET_MARK ".\n[Unit]\n"
			    "Description=Note the boot in which PCI passthrough is on trial\n" HEAD
			    "After=local-fs.target\n" IF_ON_TRIAL
			    "OnFailure=vfio-wizard-trial.service\n\n"
			    "[Service]\nType=oneshot\nExecStart=%s expire --begin\n",
		program);
	return str_take(&s, ret);
}

/* It has no condition and waits for nothing, so that nothing keeps it from starting: neither a file
 * system that is not mounted yet nor one that never will be. */
static int build_timer(unsigned minutes, char **ret)
{
	_cleanup_(str_free) struct str s = {0};

	str_addf(&s,
		TARGET_MARK ".\n[Unit]\n"
			    "Description=PCI passthrough is on trial: vfio-wizard confirm\n" HEAD
			    "Wants=vfio-wizard-tried.service\n\n"
			    "[Timer]\nOnBootSec=%umin\nAccuracySec=1s\n\n"
			    "[Install]\nWantedBy=sysinit.target\n",
		minutes);
	return str_take(&s, ret);
}

/* Every login and logout starts it: with a limit, a few of them at once would switch it off. */
static int build_confirm(const char *program, char **ret)
{
	_cleanup_(str_free) struct str s = {0};

	str_addf(&s,
		TARGET_MARK ".\n[Unit]\n"
			    "Description=Confirm PCI passthrough where somebody came in over "
			    "SSH\n" IF_ON_TRIAL "StartLimitIntervalSec=0\n\n"
			    "[Service]\nType=oneshot\nExecStart=%s confirm --ssh-login\n",
		program);
	return str_take(&s, ret);
}

static int build(const struct target_input *in, const char *program, struct units *ret)
{
	int r = build_service(program, &ret->service);

	if (r == 0)
		r = build_tried(program, &ret->tried);
	if (r == 0)
		r = build_timer(choice_trial_minutes(in->choice), &ret->timer);
	if (r == 0)
		r = build_confirm(program, &ret->confirm);
	return r;
}

static const char login[] = TARGET_MARK
	".\n[Unit]\n"
	"Description=Look for a login over SSH while PCI passthrough is on trial\n" IF_ON_TRIAL
	"\n[Path]\nPathChanged=/run/systemd/sessions\nUnit=vfio-wizard-confirm.service\n\n"
	"[Install]\nWantedBy=paths.target\n";

static int note_no_program(struct plan *plan)
{
	return findings_add(&plan->findings, "program-missing", SEVERITY_BLOCK, NULL, -1,
		"install it there (make install, below /usr/local or /usr), or switch the option "
		"off",
		"vfio-wizard is not installed in this system: nobody could take the change back at "
		"the first boot.");
}

static int note_no_systemd(struct plan *plan)
{
	return findings_add(&plan->findings, "no-systemd", SEVERITY_BLOCK, NULL, -1,
		"switch the option trial off",
		"This system does not start with systemd: nothing would take the change back at "
		"the first "
		"boot.");
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	const struct target *self = &target_trial;
	_cleanup_(units_free) struct units units = {0};
	const char *program = target_program(in);
	bool systemd = !in->machine->host.without_systemd,
	     wanted = in->choice->n && program && systemd,
	     ssh = wanted && in->choice->options & CHOICE_TRIAL_SSH;
	int r = 0;

	if (wanted)
		r = build(in, program, &units);
	else if (in->choice->n)
		r = systemd ? note_no_program(plan) : note_no_systemd(plan);
	if (r < 0)
		return error_no_memory(err);
	r = target_own_file(in, plan, self, TARGET_TRIAL_SERVICE, 0644, units.service, err);
	if (r == 0)
		r = target_own_file(in, plan, self, TARGET_TRIED, 0644, units.tried, err);
	if (r == 0)
		r = target_own_file(in, plan, self, TARGET_TRIAL_TIMER, 0644, units.timer, err);
	if (r == 0)
		r = target_own_link(in, plan, self, TIMER_LINK, TARGET_TRIAL_TIMER, wanted, err);
	if (r == 0)
		r = target_own_file(
			in, plan, self, TARGET_CONFIRM, 0644, ssh ? units.confirm : NULL, err);
	if (r == 0)
		r = target_own_file(
			in, plan, self, TARGET_CONFIRM_PATH, 0644, ssh ? login : NULL, err);
	if (r == 0)
		r = target_own_link(in, plan, self, PATH_LINK, TARGET_CONFIRM_PATH, ssh, err);
	return r;
}

const struct target target_trial = {.name = "trial", .detect = detect, .plan = plan};
