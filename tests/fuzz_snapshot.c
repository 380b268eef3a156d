/* Snapshots that are anything: each is listed, gone back to and finished, and the way back is
 * taken.
 *
 * An input is what support_overlay.h lays over a small system; behind each manifest its last line
 * is written here, since no fuzzer would find its sum. */
#include "tests/support_fuzz.h"

#include "core/manifest.h"
#include "core/report.h"
#include "core/txn.h"
#include "tests/support.h"
#include "tests/support_overlay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ONE SNAPSHOT_DIR "/20261122-150301-1"
#define TWO SNAPSHOT_DIR "/20261122-150301-2"

static const char *const paths[] = {
	ONE "/manifest",
	ONE "/state",
	ONE "/before-0",
	ONE "/before-1",
	ONE "/after-0",
	ONE "/left-0",
	TWO "/manifest",
	TWO "/state",
	TWO "/before-0",
	TWO "/after-0",
	TWO,
	"/etc",
	"/etc/default/grub",
	"/etc/link",
	"/etc/new",
	SNAPSHOT_STATE_DIR "/lock",
	SNAPSHOT_STATE_DIR "/trial",
	NULL,
};

static void seal(const char *dir, const char *path)
{
	_cleanup_free_ char *text = NULL, *whole = NULL, *full = NULL;
	struct stat st;

	if (asprintf(&full, "%s%s", dir, path) < 0)
		abort();
	if (lstat(full, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	text = support_get(dir, path);
	if (asprintf(&whole, "%send %016" PRIx64 "\n", text, manifest_sum(text, strlen(text))) < 0)
		abort();
	support_put(dir, path, whole);
}

static void check_printable(struct str *out, int r)
{
	if (r < 0 || str_check(out) < 0)
		abort();
	for (const char *p = out->s ? out->s : ""; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7f)
			support_fuzz_broken("control characters in a report", "", out->s);
	str_free(out);
}

static void report(const struct snapshots *snapshots)
{
	struct str out = {0};

	for (int json = 0; json < 2; json++)
		check_printable(&out, report_snapshots(snapshots, json, &out));
	for (size_t i = 0; i < snapshots->n; i++)
		check_printable(&out, report_snapshot(&snapshots->v[i], true, &out));
}

static void apply(const struct root *root, const struct plan *plan)
{
	_cleanup_(txn_freep) struct txn *txn = NULL;
	struct txn_event ev = {0};
	struct error err = {0};
	int r;

	for (size_t i = 0; i < plan->n_changes; i++)
		if (!manifest_path_ok(plan->changes[i].path))
			support_fuzz_broken(
				"a path that may leave the root", "", plan->changes[i].path);
	r = txn_begin(root, plan, TXN_NO_COMMANDS, &txn, &err);
	if (r < 0) {
		support_fuzz_refused(r, &err);
		return;
	}
	while (txn_step(txn, &ev))
		;
	for (size_t i = 0; ev.kind == TXN_COMMITTED && i < plan->n_changes; i++) {
		_cleanup_(content_free) struct content now = {0};

		if (content_read(root, plan->changes[i].path, true, NULL, &now, &err) < 0 ||
			!content_same(&now, &plan->changes[i].after))
			support_fuzz_broken(
				"not what the plan says", err.text, plan->changes[i].path);
	}
}

/* id NULL: what is newest; finish: what is interrupted. */
static void go(const struct root *root, const char *id, bool finish)
{
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct error err = {0};
	int r = snapshots_load(root, &snapshots, &err);

	if (r == 0) {
		report(&snapshots);
		r = finish ? snapshot_finish_plan(root, &snapshots, &plan, &err)
			   : snapshot_rollback_plan(root, &snapshots, id, &plan, &err);
	}
	if (r < 0)
		support_fuzz_refused(r, &err);
	else
		apply(root, plan);
}

static void run(const char *dir)
{
	_cleanup_(root_closep) struct root *root = NULL;
	struct error err = {0};

	seal(dir, ONE "/manifest");
	seal(dir, TWO "/manifest");
	if (root_open(dir, NULL, &root, &err) < 0)
		abort();
	go(root, NULL, true);
	go(root, NULL, false);
	go(root, strrchr(ONE, '/') + 1, false);
	go(root, strrchr(TWO, '/') + 1, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = support_fuzz_text(data, size);
	_cleanup_(root_closep) struct root *root = NULL;
	struct support_overlay overlay;
	const char *scratch = support_fuzz_scratch();
	char *dir = NULL;

	if (!text)
		return 0;
	support_put(scratch, "/root/sys/bus/pci/x", "");
	support_put(scratch, "/root/etc/default/grub", "new\n");
	if (asprintf(&dir, "%s/root", scratch) < 0 || root_open(dir, NULL, &root, NULL) < 0)
		abort();
	support_overlay_lay(&overlay, root_fd(root), text, paths);
	run(dir);
	support_overlay_forget(&overlay);
	support_fuzz_outside();
	support_remove(dir);
	return 0;
}
