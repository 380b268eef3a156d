/* A system whose files are anything, and everything that is done to it: looked at, planned for,
 * changed, planned for again, taken back in both ways.
 *
 * The first line of an input has words: the fixture that it is based on, what is chosen
 * (addresses), the options, the boot loader, the initramfs generator.  The rest is what
 * support_overlay.h lays over it. */
#include "tests/support_fuzz.h"

#include "core/guest.h"
#include "core/manifest.h"
#include "core/report.h"
#include "core/txn.h"
#include "tests/fuzz_tree.h"
#include "tests/mktree.h"
#include "tests/support.h"
#include "tests/support_overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- the systems, each made once -- */

struct base {
	const char *name;
	char *dir;
	int fd;
};

static struct base bases[] = {
	{.name = "debian12"},
	{.name = "debian-dracut"},
	{.name = "debian-systemd-boot"},
	{.name = "debian-u-boot"},
	{.name = "fedora"},
	{.name = "silverblue"},
	{.name = "opensuse-tumbleweed"},
	{.name = "arch-grub"},
	{.name = "arch-systemd-boot"},
	{.name = "arch-uki"},
	{.name = "arch-limine"},
	{.name = "proxmox-systemd-boot"},
	{.name = "opennebula-4.14"},
	{.name = "opennebula-7"},
	{.name = "nixos"},
};

static void make_base(struct base *base)
{
	_cleanup_free_ char *fixture = NULL;

	if (asprintf(&base->dir, "%s/%s", support_fuzz_scratch(), base->name) < 0 ||
		asprintf(&fixture, "tests/fixtures/roots/%s", base->name) < 0 ||
		mktree_root(fixture, base->dir) < 0 ||
		mktree_machine("tests/fuzz/tree.facts", base->dir) < 0 ||
		mktree_disk(base->dir, "0000:03:00.0", "nvme0n1") < 0 ||
		mktree_network(base->dir, "0000:04:00.0", "eth0") < 0)
		abort();
	base->fd = open(base->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base->fd < 0)
		abort();
}

static struct base *find_base(const struct strv *words)
{
	struct base *base = &bases[0];

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		if (strv_has(words, bases[i].name))
			base = &bases[i];
	if (!base->dir)
		make_base(base);
	return base;
}

static char *tree(const struct base *base)
{
	static const char *const without[] = {
		SNAPSHOT_STATE_DIR, "/sys", "/lib/modules", "/usr/lib/modules", NULL};

	return support_tree(base->dir, without);
}

/* -- laws -- */

static void check_printable(const char *text, bool diff)
{
	for (const char *p = text; *p; p++) {
		bool plain = !diff || *p == '#';
		size_t n = strcspn(p, "\n");

		for (size_t i = 0; plain && i < n; i++)
			if (((unsigned char)p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f)
				support_fuzz_broken("control characters in a report", "", p);
		p += n - (p[n] == '\0');
	}
}

static void end_report(struct str *out, int r, bool diff)
{
	if (r < 0 || str_check(out) < 0)
		abort();
	if (out->s)
		check_printable(out->s, diff);
	str_free(out);
}

static void report_machine(const struct machine *machine, const struct choice *choice)
{
	_cleanup_(requirements_free) struct requirements requirements = {0};
	struct str out = {0};

	if (check_requirements(machine, NULL, &requirements) < 0)
		abort();
	for (int json = 0; json < 2; json++) {
		end_report(&out, report_list(machine, json, &out), false);
		end_report(&out, report_check(&requirements, NULL, json, &out), false);
	}
	for (unsigned format = 0; guest_format_name(format); format++)
		end_report(&out, guest_describe(machine, choice, (enum guest_format)format, &out),
			false);
}

static void report_state(
	const struct root *root, const struct machine *machine, const struct choice *choice)
{
	_cleanup_(verdicts_free) struct verdicts verdicts = {0};
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	struct error err = {0};
	struct str out = {0};

	if (verify_choice(machine, choice, &verdicts) < 0 ||
		verify_kernels(root, machine, choice, NULL, &verdicts) < 0 ||
		verify_spare(root, machine, choice, &verdicts) < 0)
		abort();
	if (snapshots_load(root, &snapshots, &err) < 0)
		support_fuzz_broken("the snapshots cannot be read", "", err.text);
	for (int json = 0; json < 2; json++) {
		end_report(&out, report_verify(&verdicts, json, &out), false);
		end_report(&out, report_snapshots(&snapshots, json, &out), false);
	}
}

/* The place of a change is below the root by its name alone. */
static void check_change(const struct base *base, const struct change *change)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	struct stat st = {0};
	_cleanup_close_ int fd = -EBADF;

	if (!manifest_path_ok(change->path))
		support_fuzz_broken("a path that is not normal", "", change->path);
	/* What is a link is not followed, and is no error of the open then. */
	if (change->before.kind == CONTENT_LINK)
		how.resolve &= ~(uint64_t)RESOLVE_NO_SYMLINKS;
	fd = (int)syscall(SYS_openat2, base->fd, change->path + 1, &how, sizeof(how));
	if (fd < 0 && (errno != ENOENT || change->before.kind != CONTENT_ABSENT))
		support_fuzz_broken("a path through a link", strerror(errno), change->path);
	if (fd >= 0 && fstat(fd, &st) < 0)
		abort();
	if (fd >= 0 &&
		(change->before.kind == CONTENT_LINK ? !S_ISLNK(st.st_mode) : !S_ISREG(st.st_mode)))
		support_fuzz_broken("neither a file nor a link", "", change->path);
	if (content_same(&change->before, &change->after))
		support_fuzz_broken("a change that changes nothing", "", change->path);
}

static void check_plan(const struct base *base, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_changes; i++)
		check_change(base, &plan->changes[i]);
	for (size_t i = 0; i < plan->n_commands; i++)
		if (plan->commands[i].argv.v[0][0] != '/')
			support_fuzz_broken(
				"a command without a path", "", plan->commands[i].argv.v[0]);
	if (plan->refused && !plan_is_empty(plan))
		support_fuzz_broken("a refused plan does something", "", plan->summary);
}

/* -- what is done -- */

/* False: refused, and nothing is done. */
static bool apply(const struct base *base, const struct root *root, const struct plan *plan)
{
	_cleanup_(txn_freep) struct txn *txn = NULL;
	struct txn_event ev = {0};
	struct error err = {0};
	int r;

	check_plan(base, plan);
	if (plan_is_empty(plan))
		return true;
	r = txn_begin(root, plan, TXN_NO_COMMANDS, &txn, &err);
	if (r < 0) {
		support_fuzz_refused(r, &err);
		return false;
	}
	while (txn_step(txn, &ev))
		;
	if (ev.kind == TXN_ROLLED_BACK && ev.code)
		support_fuzz_broken("what was begun cannot be put back", "", ev.text);
	return ev.kind == TXN_COMMITTED;
}

/* Back to before the first of all changes. */
static void go_back(const struct base *base, const struct root *root)
{
	for (;;) {
		_cleanup_(snapshots_free) struct snapshots snapshots = {0};
		_cleanup_(plan_freep) struct plan *plan = NULL;
		struct error err = {0};
		int r = snapshots_load(root, &snapshots, &err);

		if (r == 0)
			r = snapshot_rollback_plan(root, &snapshots, NULL, &plan, &err);
		if (r == -ENOENT)
			return;
		if (r < 0 || !apply(base, root, plan))
			support_fuzz_broken("the way back is refused", "", err.text);
	}
}

static void take_choice(
	const struct machine *machine, const struct strv *words, struct choice *choice)
{
	for (size_t i = 0; i < words->n; i++) {
		const struct device *device = machine_device(machine, words->v[i]);

		if (device && choice_add(choice, device) < 0)
			abort();
		choice->options |= choice_option_by_name(words->v[i]);
		(void)choice_set_boot_loader(choice, machine, words->v[i], NULL);
		(void)choice_set_initramfs(choice, machine, words->v[i], NULL);
	}
	for (size_t i = 0; !choice->n && i < machine->n_devices; i++)
		if (!device_is_bridge(&machine->devices[i]) &&
			choice_add(choice, &machine->devices[i]) < 0)
			abort();
}

static bool scan(const struct root *root, struct machine **ret)
{
	struct error err = {0};
	int r = machine_scan(root, MACHINE_ALL & ~(unsigned)MACHINE_NAMES, ret, &err);

	if (r < 0)
		support_fuzz_refused(r, &err);
	return r == 0;
}

/* NULL: refused. */
static struct plan *make_plan(
	const struct root *root, const struct machine *machine, const struct choice *choice)
{
	struct plan *plan = NULL;
	struct error err = {0};
	int r = plan_build(root, machine, choice, &plan, &err);

	if (r < 0)
		support_fuzz_refused(r, &err);
	return plan;
}

/* A plan, carried out; false: refused. */
static bool apply_choice(const struct base *base, const struct root *root,
	const struct machine *machine, const struct choice *choice, size_t *n_changes)
{
	_cleanup_(plan_freep) struct plan *plan = make_plan(root, machine, choice);

	if (!plan)
		return false;
	*n_changes = plan->n_changes;
	return apply(base, root, plan);
}

struct input {
	struct strv words;
	bool exact;  /* what a system has of ours already is not the person's to get back */
	bool linked; /* what looks at one file may see another one that was written */
};

/* A bare word gets quotes, and keeps them. */
static void drop_quotes(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (*from != '"')
			*to++ = *from;
	*to = '\0';
}

static void check_released(const struct base *base, const char *before)
{
	_cleanup_free_ char *a = strdup(before), *b = tree(base);

	if (!a)
		abort();
	drop_quotes(a);
	drop_quotes(b);
	support_fuzz_same("what is released", a, b);
}

/* The same choice again changes nothing, or nothing the second time; then all is released. */
static void check_again(const struct base *base, const struct root *root, const struct input *input,
	const char *before, int times)
{
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	const struct choice none = {0};
	size_t n = 0;

	if (!scan(root, &machine))
		support_fuzz_broken("the changed system cannot be looked at", "", before);
	take_choice(machine, &input->words, &choice);
	if (!apply_choice(base, root, machine, &choice, &n) || (n && times == 1))
		support_fuzz_broken("the same choice again", "", n ? "changes" : "refused");
	if (n)
		check_again(base, root, input, before, times - 1);
	else if (apply_choice(base, root, machine, &none, &n) && input->exact)
		check_released(base, before);
}

static void change(const struct base *base, const struct root *root, const struct machine *machine,
	const struct choice *choice, const struct input *input)
{
	_cleanup_free_ char *before = tree(base), *after = NULL;
	size_t n = 0;

	if (apply_choice(base, root, machine, choice, &n) && n)
		check_again(base, root, input, before, input->linked ? 2 : 1);
	go_back(base, root);
	after = tree(base);
	support_fuzz_same("what is rolled back", before, after);
	support_fuzz_outside();
}

static void look(const struct base *base, const struct root *root, const struct machine *machine,
	const struct choice *choice)
{
	_cleanup_(plan_freep) struct plan *plan = make_plan(root, machine, choice);
	struct str out = {0};

	report_machine(machine, choice);
	report_state(root, machine, choice);
	if (!plan)
		return;
	check_plan(base, plan);
	end_report(&out, report_plan(plan, false, &out), true);
	end_report(&out, report_plan(plan, true, &out), false);
}

static void run(const struct base *base, const struct input *input)
{
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	_cleanup_(root_closep) struct root *root = NULL;
	struct error err = {0};

	if (root_open(base->dir, NULL, &root, &err) < 0)
		abort();
	if (!scan(root, &machine))
		return;
	take_choice(machine, &input->words, &choice);
	if (strv_has(&input->words, "look"))
		look(base, root, machine, &choice);
	else
		change(base, root, machine, &choice, input);
}

static void remove_below(const struct base *base, const char *path)
{
	char *full = NULL;

	if (asprintf(&full, "%s%s", base->dir, path) < 0)
		abort();
	support_remove(full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = support_fuzz_text(data, size), *first = NULL;
	struct support_overlay overlay;
	struct input input = {0};
	const struct base *base;

	first = text ? strndup(text, strcspn(text, "\n")) : NULL;
	if (!first)
		return 0;
	if (strv_split(&input.words, first, " ") < 0)
		abort();
	input.exact = !strstr(text, "vfio-wizard") && !strstr(text, "vfio-bind");
	input.linked = strstr(text, "\n=> ");
	base = find_base(&input.words);
	support_overlay_lay(&overlay, base->fd, text, fuzz_tree_paths);
	run(base, &input);
	remove_below(base, SNAPSHOT_DIR);
	support_overlay_lift(&overlay);
	remove_below(base, SNAPSHOT_STATE_DIR);
	strv_free(&input.words);
	return 0;
}
