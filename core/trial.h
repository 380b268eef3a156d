/* A change on trial: unless somebody confirms it within the set time of the first boot after it, the
 * machine takes it back by itself and boots again.
 *
 * TRIAL_PATH says so, and units in /etc/systemd/system (core/targets/trial.c) act on it: the switch, which
 * works when nobody does anything.  What is on the disk, and who acts at the next boot if the power fails
 * then:
 *
 *   an apply    its snapshot, pending           nothing was changed yet; every command says so
 *               + TRIAL_PATH, then the units,   that boot is on trial: half a change goes back as a whole
 *               the other files, the commands   one does
 *               + the snapshot complete         the same: the boot that was meant
 *   it fails    files back, commands again,     as during the apply: the units are still there
 *               the units away, TRIAL_PATH as
 *               it was, snapshot rolled-back    nobody has to
 *   a boot      "tried" in TRIAL_PATH           it died before somebody confirmed: `expire` at once
 *   confirm     TRIAL_PATH away                 nobody has to
 *   a rollback  its snapshot, pending; files,   by `expire` or by hand: the units and TRIAL_PATH are still
 *               commands                        there, so `expire` takes it up again at once
 *               + the units away, TRIAL_PATH    all is as before; what is missing is the mark: every
 *               away, the snapshot complete     command says so, `recover --finish` makes it
 *   recover     --finish begins as an apply does, and the trial begins anew with it
 *               --back is a rollback; of half a rollback it leaves on trial what was
 *
 * A change that is taken back on its own leaves an earlier one on trial that still stands.  What could not be
 * put back whole stays on trial.  The clock is the one that counts from boot, so that setting the time does not
 * matter. */
#ifndef CORE_TRIAL_H
#define CORE_TRIAL_H

#include "core/root.h"

#define TRIAL_PATH            "/var/lib/vfio-wizard/trial"
#define TRIAL_MINUTES_DEFAULT 10
#define TRIAL_MINUTES_MAX     1440

struct trial {
	char snapshot[64];           /* to go back before this one */
	unsigned minutes;
	char boot[40];               /* boot_id(5) when it was applied, "-": unknown */
	char tried[40];              /* the first boot since, "": there was none yet */
};

/* -ENOENT: nothing is on trial.  -EINVAL: damaged; the error says what to do. */
int trial_load(const struct root *root, struct trial *ret, struct error *err);
/* The whole file.  The caller frees. */
int trial_format(const struct trial *trial, char **ret);

enum trial_phase {
	TRIAL_AHEAD,                 /* the boot to be tried has not begun, or is another system's */
	TRIAL_RUNNING,               /* it runs, and can be confirmed */
	TRIAL_OVER,                  /* its time is over, or an earlier boot was the one to be tried */
};

/* In the boot `boot`, so many seconds after its start. */
enum trial_phase trial_phase(const struct trial *trial, const char *boot, uint64_t seconds);
enum trial_phase trial_now(const struct root *root, const struct trial *trial);
/* Nothing is known yet about what is on trial: its boot is ahead, or this one keeps every device with the host
 * (recovery, module_blacklist=vfio_pci). */
bool trial_is_untried(const struct root *root, const struct trial *trial);
/* While it runs: seconds until its time is over. */
unsigned trial_left(const struct trial *trial);
/* "-" where it cannot be told: not the running system. */
void trial_boot(const struct root *root, char *ret, size_t size);

/* Without the file at this path the next boot would neither take back nor tell what was cut short. */
bool trial_is_switch(const char *path);
/* Somebody is logged in over SSH now (/run/systemd/sessions: sd-login(3)). */
bool trial_has_ssh_login(const struct root *root);

#endif
