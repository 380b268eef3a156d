/* A change on trial: unless somebody confirms it within the set time of the first boot after it, the
 * machine takes it back by itself and boots again.
 *
 * SNAPSHOT_STATE_DIR/trial says so from the moment the change is complete; units in
 * /etc/systemd/system (core/targets/trial.c) look at it.  Their clock is the one that counts from
 * boot, so that setting the time does not matter. */
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
};

/* -ENOENT: nothing is on trial.  -EINVAL: damaged; the error says what to do. */
int trial_load(const struct root *root, struct trial *ret, struct error *err);
/* The whole file.  The caller frees. */
int trial_format(const struct trial *trial, char **ret);

/* "-" where it cannot be told: not the running system. */
void trial_boot(const struct root *root, char *ret, size_t size);
/* The boot that is tried is the one that runs now. */
bool trial_is_running(const struct root *root, const struct trial *trial);
/* Somebody is logged in over SSH now (/run/systemd/sessions: sd-login(3)). */
bool trial_has_ssh_login(const struct root *root);

#endif
