#include "core/trial.h"

#include "core/snapshot.h"
#include "core/verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SESSIONS "/run/systemd/sessions"

static bool take(const char *line, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 && line[n] == ' ' &&
	       snprintf(ret, size, "%s", line + n + 1) < (int)size;
}

int trial_load(const struct root *root, struct trial *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct trial trial = {0};
	char minutes[16] = "";
	uint64_t number = 0;
	int r = root_read_text(root, TRIAL_PATH, &text, err);

	if (r < 0)
		return r;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		(void)(take(line, "snapshot", trial.snapshot, sizeof(trial.snapshot)) ||
			take(line, "minutes", minutes, sizeof(minutes)) ||
			take(line, "boot", trial.boot, sizeof(trial.boot)) ||
			take(line, "tried", trial.tried, sizeof(trial.tried)));
	if (snapshot_number(trial.snapshot, &number) < 0 || !*trial.boot ||
		base_number(minutes, 10, TRIAL_MINUTES_MAX, &number) < 0)
		return error_set(err, -EINVAL,
			"%s is damaged; `%s confirm` removes it, and what is applied stays",
			TRIAL_PATH, root_command(root));
	trial.minutes = (unsigned)number;
	*ret = trial;
	return 0;
}

int trial_format(const struct trial *trial, char **ret)
{
	_cleanup_(str_free) struct str out = {0};

	str_addf(&out,
		"# On trial until somebody runs `vfio-wizard confirm`.\n"
		"snapshot %s\nminutes %u\nboot %s\n",
		trial->snapshot, trial->minutes, trial->boot);
	if (*trial->tried)
		str_addf(&out, "tried %s\n", trial->tried);
	return str_take(&out, ret);
}

void trial_boot(const struct root *root, char *ret, size_t size)
{
	if (!root_runs(root) ||
		root_attr(root, "/proc/sys/kernel/random/boot_id", ret, size) <= 0)
		(void)snprintf(ret, size, "-");
}

enum trial_phase trial_phase(const struct trial *trial, const char *boot, uint64_t seconds)
{
	if (strcmp(boot, "-") == 0 || strcmp(boot, trial->boot) == 0)
		return TRIAL_AHEAD;
	if (*trial->tried && strcmp(boot, trial->tried) != 0)
		return TRIAL_OVER;
	return seconds >= trial->minutes * UINT64_C(60) ? TRIAL_OVER : TRIAL_RUNNING;
}

/* What OnBootSec= of systemd.timer(5) is measured with. */
static uint64_t seconds_up(void)
{
	struct timespec up = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &up);
	return (uint64_t)up.tv_sec;
}

enum trial_phase trial_now(const struct root *root, const struct trial *trial)
{
	char boot[40];

	trial_boot(root, boot, sizeof(boot));
	return trial_phase(trial, boot, seconds_up());
}

bool trial_is_untried(const struct root *root, const struct trial *trial)
{
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_free_ char *cmdline = NULL;

	return trial_now(root, trial) == TRIAL_AHEAD ||
	       (root_read_text(root, "/proc/cmdline", &cmdline, NULL) == 0 &&
		       strv_split(&words, cmdline, " \t\n") == 0 && verify_boot_is_spare(&words));
}

unsigned trial_left(const struct trial *trial)
{
	uint64_t end = trial->minutes * UINT64_C(60), up = seconds_up();

	return up < end ? (unsigned)(end - up) : 0;
}

/* By the ends of the paths: a directory on the way may be a link, and the path is then another one.
 */
bool trial_is_switch(const char *path)
{
	static const char *const ends[] = {"/vfio-wizard-trial.service", "/vfio-wizard-trial.timer",
		"/vfio-wizard-tried.service", "/vfio-bind.service", "/bin/vfio-bind"};
	size_t n = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t m = strlen(ends[i]);

		if (n >= m && strcmp(path + n - m, ends[i]) == 0)
			return true;
	}
	return false;
}

bool trial_has_ssh_login(const struct root *root)
{
	_cleanup_(strv_free) struct strv names = {0};

	if (root_list(root, SESSIONS, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *text = NULL;
		char path[128];

		(void)snprintf(path, sizeof(path), SESSIONS "/%.64s", names.v[i]);
		if (root_read_text(root, path, &text, NULL) == 0 &&
			strstr(text, "\nSERVICE=sshd\n") && strstr(text, "\nREMOTE=1\n"))
			return true;
	}
	return false;
}
