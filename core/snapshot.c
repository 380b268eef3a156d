#include "core/snapshot.h"

#include "core/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

const char *snapshot_state_name(enum snapshot_state state)
{
	static const char *const names[] = {
		[SNAPSHOT_COMPLETE] = "complete",
		[SNAPSHOT_INTERRUPTED] = "interrupted",
		[SNAPSHOT_ROLLED_BACK] = "rolled-back",
		[SNAPSHOT_APPLYING] = "applying",
	};

	return names[state];
}

static void clear_contents(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_files; i++) {
		free(s->files[i].path);
		content_free(&s->files[i].before);
		content_free(&s->files[i].after);
	}
	free(s->files);
	for (size_t i = 0; i < s->n_commands; i++)
		command_free(&s->commands[i]);
	free(s->commands);
	strv_free(&s->directories);
	strv_free(&s->undoes);
	s->files = NULL;
	s->commands = NULL;
	s->n_files = s->n_commands = 0;
}

void snapshot_free(struct snapshot *s)
{
	clear_contents(s);
	free(s->id);
	free(s->summary);
	free(s->damaged);
	*s = (struct snapshot){0};
}

void snapshots_free(struct snapshots *snapshots)
{
	for (size_t i = 0; i < snapshots->n; i++)
		snapshot_free(&snapshots->v[i]);
	free(snapshots->v);
	*snapshots = (struct snapshots){0};
}

int snapshot_number(const char *id, uint64_t *ret)
{
	const char *shape = "dddddddd-dddddd-";

	for (; *shape; shape++, id++)
		if (*shape == 'd' ? *id < '0' || *id > '9' : *id != '-')
			return -EINVAL;
	if (*id < '1' || *id > '9' || strspn(id, "0123456789") != strlen(id))
		return -EINVAL;
	return base_number(id, 10, INT64_MAX, ret) < 0 ? -EINVAL : 0;
}

const struct snapshot *snapshots_find(const struct snapshots *snapshots, const char *id)
{
	for (size_t i = 0; i < snapshots->n; i++)
		if (strcmp(snapshots->v[i].id, id) == 0)
			return &snapshots->v[i];
	return NULL;
}

/* -- attributes -- */

static bool keep_xattr(const char *name)
{
	return strcmp(name, "security.ima") != 0 && strcmp(name, "security.evm") != 0 &&
	       (!base_starts(name, "system.") || strcmp(name, "system.posix_acl_access") == 0);
}

static int add_xattr(int fd, const char *name, struct strv *ret)
{
	_cleanup_(str_free) struct str text = {0};
	_cleanup_free_ char *value = NULL;
	ssize_t n = fgetxattr(fd, name, NULL, 0);

	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	value = malloc((size_t)n + 1);
	if (!value)
		return -ENOMEM;
	n = fgetxattr(fd, name, value, (size_t)n);
	if (n < 0)
		return -errno;
	manifest_escape(&text, name, strlen(name));
	str_addc(&text, '=');
	manifest_escape(&text, value, (size_t)n);
	return str_check(&text) < 0 ? -ENOMEM : strv_add(ret, text.s);
}

static int read_xattrs(int fd, struct strv *ret)
{
	_cleanup_free_ char *names = NULL;
	ssize_t n = flistxattr(fd, NULL, 0);
	int r = 0;

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	names = malloc((size_t)n + 1);
	if (!names)
		return -ENOMEM;
	n = flistxattr(fd, names, (size_t)n);
	if (n < 0)
		return -errno;
	names[n] = '\0';
	for (const char *name = names; r == 0 && name < names + n; name += strlen(name) + 1)
		if (keep_xattr(name))
			r = add_xattr(fd, name, ret);
	strv_sort(ret);
	return r;
}

static int open_to_look(const struct root *root, const char *path, enum content_kind kind)
{
	if (kind == CONTENT_LINK)
		return root_open_path(root, path, O_PATH | O_NOFOLLOW);
	return root_open_path(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

int snapshot_read_attributes(
	const struct root *root, const char *path, struct content *content, struct error *err)
{
	_cleanup_close_ int fd = open_to_look(root, path, content->kind);
	struct attributes *attributes;
	struct stat st;
	int r = 0;

	if (fd < 0)
		return error_set(err, fd, "%s: %s", path, strerror(-fd));
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!content->attributes)
		content->attributes = calloc(1, sizeof(*content->attributes));
	attributes = content->attributes;
	if (!attributes)
		return no_memory(err);
	strv_free(&attributes->xattrs);
	attributes->uid = st.st_uid;
	attributes->gid = st.st_gid;
	if (content->kind == CONTENT_FILE)
		r = read_xattrs(fd, &attributes->xattrs);
	return r < 0 ? error_set(err, r, "%s: reading its extended attributes: %s", path,
			       strerror(-r))
		     : 0;
}

/* -- loading -- */

static int read_copy(const struct root *root, const char *id, const char *side, size_t i,
	struct content *content, uint64_t sum, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (content->kind != CONTENT_FILE)
		return 0;
	if (asprintf(&path, SNAPSHOT_DIR "/%s/%s-%zu", id, side, i) < 0)
		return no_memory(err);
	r = root_read_text(root, path, &content->text, err);
	if (r < 0)
		return r;
	if (manifest_sum(content->text, strlen(content->text)) != sum)
		return error_set(err, -EUCLEAN, "%s: not what was written there", path);
	return 0;
}

static int read_manifest(const struct root *root, struct snapshot *s, struct error *err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int r;

	if (asprintf(&path, SNAPSHOT_DIR "/%s/manifest", s->id) < 0)
		return no_memory(err);
	r = root_read_text(root, path, &text, err);
	if (r == 0)
		r = manifest_parse(text, s, err);
	for (size_t i = 0; r == 0 && i < s->n_files; i++) {
		struct snapshot_file *file = &s->files[i];

		r = read_copy(root, s->id, "before", i, &file->before, file->before_sum, err);
		if (r == 0)
			r = read_copy(root, s->id, "after", i, &file->after, file->after_sum, err);
	}
	return r;
}

static int read_state(const struct root *root, struct snapshot *s, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	char word[16] = "";
	ssize_t n;

	if (asprintf(&path, SNAPSHOT_DIR "/%s/state", s->id) < 0)
		return no_memory(err);
	n = root_attr(root, path, word, sizeof(word));
	if (n < 0)
		return error_set(err, (int)n, "%s: %s", path, strerror((int)-n));
	if (strcmp(word, "complete") == 0) {
		s->state = SNAPSHOT_COMPLETE;
		s->cut_short = false;
	} else if (strcmp(word, "rolled-back") == 0) {
		s->state = SNAPSHOT_ROLLED_BACK;
		s->happened = s->cut_short = false;
	} else if (strcmp(word, "pending") != 0) {
		return error_set(err, -EUCLEAN, "%s: not a state", path);
	}
	return 0;
}

/* This process lacks something; it says nothing about the snapshot. */
static bool is_lack(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

/* What is wrong with the snapshot is no failure: it is kept in it. */
static int load_one(const struct root *root, const char *id, uint64_t number, struct snapshot *ret,
	struct error *err)
{
	_cleanup_(snapshot_free) struct snapshot s = {.id = strdup(id),
		.number = number,
		.state = SNAPSHOT_INTERRUPTED,
		.happened = true,
		.cut_short = true};
	struct error why = {0};
	int r;

	if (!s.id)
		return no_memory(err);
	r = read_state(root, &s, &why);
	if (!is_lack(r) && read_manifest(root, &s, &why) < 0)
		r = why.code;
	if (is_lack(r))
		return error_set(err, r, "%s", why.text);
	if (r < 0) {
		clear_contents(&s);
		s.damaged = strdup(why.text);
		if (!s.damaged)
			return no_memory(err);
	}
	if (!s.summary && !(s.summary = strdup("")))
		return no_memory(err);
	*ret = s;
	s = (struct snapshot){0};
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct snapshot *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? 1 : -1;
	return -strcmp(x->id, y->id);
}

/* F_OFD_GETLK asks without taking it.  No answer means nobody: the lock file comes first. */
static bool somebody_applies(const struct root *root)
{
	_cleanup_close_ int fd = root_open_path(root, SNAPSHOT_LOCK, O_RDONLY | O_NONBLOCK);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* A snapshot is rolled back when a later one that still stands undoes it; one that was cut short is
 * complete when a later one that still stands went on. */
static int settle_states(struct snapshots *list, bool busy)
{
	_cleanup_(strv_free) struct strv undone = {0};
	bool went_on = false;

	for (size_t i = 0; i < list->n; i++) {
		struct snapshot *s = &list->v[i];

		if (!s->happened)
			continue;
		if (s->cut_short && busy && i == 0)
			s->state = SNAPSHOT_APPLYING;
		else if (strv_has(&undone, s->id))
			s->state = SNAPSHOT_ROLLED_BACK;
		else if (s->cut_short)
			s->state = went_on ? SNAPSHOT_COMPLETE : SNAPSHOT_INTERRUPTED;
		else if (strv_copy(&undone, &s->undoes) < 0)
			return -ENOMEM;
		else if (s->undoes.n == 0)
			went_on = true;
	}
	return 0;
}

int snapshots_load(const struct root *root, struct snapshots *ret, struct error *err)
{
	_cleanup_(snapshots_free) struct snapshots list = {0};
	_cleanup_(strv_free) struct strv names = {0};
	bool busy = somebody_applies(root);
	int r = root_list(root, SNAPSHOT_DIR, &names);

	if (r == -EACCES || r == -EPERM)
		return error_set(err, -EACCES,
			SNAPSHOT_DIR ": only root may look at snapshots; run this as root (sudo)");
	if (r < 0 && r != -ENOENT)
		return error_set(err, r, SNAPSHOT_DIR ": %s", strerror(-r));
	for (size_t i = 0; i < names.n; i++) {
		uint64_t number;

		if (snapshot_number(names.v[i], &number) < 0)
			continue;
		if (base_grow(&list.v, list.n, sizeof(*list.v)) < 0)
			return no_memory(err);
		r = load_one(root, names.v[i], number, &list.v[list.n], err);
		if (r < 0)
			return r;
		list.n++;
	}
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), newest_first);
	/* Asked before and after: one that ended meanwhile was not interrupted. */
	if (settle_states(&list, busy || somebody_applies(root)) < 0)
		return no_memory(err);
	*ret = list;
	list = (struct snapshots){0};
	return 0;
}

/* -- going back -- */

/* What has to be done to one path: from what the newest snapshot left to what the oldest met. */
struct undo {
	const struct snapshot_file *newest;
	bool cut_short; /* the newest: either side may be there */
	const struct content *target;
};

struct undos {
	struct undo *v;
	size_t n;
};

static void undos_free(struct undos *undos)
{
	free(undos->v);
}

static struct undo *find_undo(struct undos *undos, const char *path)
{
	for (size_t i = 0; i < undos->n; i++)
		if (strcmp(undos->v[i].newest->path, path) == 0)
			return &undos->v[i];
	return NULL;
}

/* Called from the newest snapshot to the oldest, so that changes are undone last first. */
static int add_undos(struct undos *undos, const struct snapshot *s)
{
	for (size_t i = s->n_files; i-- > 0;) {
		struct undo *undo = find_undo(undos, s->files[i].path);

		if (!undo) {
			if (base_grow(&undos->v, undos->n, sizeof(*undos->v)) < 0)
				return -ENOMEM;
			undo = &undos->v[undos->n++];
			undo->newest = &s->files[i];
			undo->cut_short = s->cut_short;
		}
		undo->target = &s->files[i].before;
	}
	return 0;
}

static bool same_with_owner(const struct content *a, const struct content *b)
{
	return content_same(a, b) && (!a->attributes || !b->attributes ||
					     (a->attributes->uid == b->attributes->uid &&
						     a->attributes->gid == b->attributes->gid));
}

static int add_changed(struct plan *plan, const char *path)
{
	return findings_add(&plan->findings, "file-changed", SEVERITY_DANGER, NULL, -1,
		"look at the difference and copy what you want to keep before you go on",
		"%s was changed since vfio-wizard wrote it; going back undoes that change too",
		path);
}

static int plan_undo(
	const struct root *root, const struct undo *undo, struct plan *plan, struct error *err)
{
	_cleanup_(content_free) struct content now = {0};
	_cleanup_free_ char *resolved = NULL;
	const char *path = undo->newest->path;
	int r = content_read(root, path, true, &resolved, &now, err);

	if (r < 0)
		return r;
	if (strcmp(resolved, path) != 0)
		return error_set(err, -ESTALE,
			"%s: a directory on the way is a symbolic link by now, to %s; move that "
			"back first",
			path, resolved);
	if (now.kind != CONTENT_ABSENT) {
		r = snapshot_read_attributes(root, path, &now, err);
		if (r < 0)
			return r;
	}
	if (same_with_owner(&now, undo->target))
		return 0;
	if (!same_with_owner(&now, &undo->newest->after) &&
		!(undo->cut_short && same_with_owner(&now, &undo->newest->before)))
		r = add_changed(plan, path);
	if (r == 0)
		r = plan_add_change(plan, "snapshot", path, &now, undo->target);
	return r < 0 ? no_memory(err) : 0;
}

static int add_commands(struct plan *plan, const struct snapshot *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_commands; i++)
		if (!plan_has_command(plan, &s->commands[i]))
			r = plan_add_command(plan, s->commands[i].stage, s->commands[i].purpose,
				(const char *const *)s->commands[i].argv.v);
	return r;
}

static int go_on(struct plan *plan, const struct snapshot *s)
{
	int r = add_commands(plan, s);

	return r < 0 ? r
		     : findings_add(&plan->findings, "interrupted", SEVERITY_WARNING, NULL, -1,
			       "go on, or go back with `vfio-wizard rollback`",
			       "Change %s was cut short; this plan takes over from there.", s->id);
}

int snapshot_add_unfinished(const struct root *root, struct plan *plan, struct error *err)
{
	_cleanup_(snapshots_free) struct snapshots list = {0};
	int r = snapshots_load(root, &list, err);

	if (r < 0)
		return r == -EACCES ? 0 : r;
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].state == SNAPSHOT_INTERRUPTED && go_on(plan, &list.v[i]) < 0)
			return no_memory(err);
	return 0;
}

/* The choice on either side, for a forecast.  A file that cannot be read as one must not stand in
 * the way back: it counts as none. */
static int plan_choices(const struct root *root, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int r = root_resolve(root, CHOICE_PATH, &path, err);

	if (r < 0)
		return r;
	r = choice_load(root, &plan->before, NULL);
	for (size_t i = 0; r != -ENOMEM && i < plan->n_changes; i++) {
		const struct content *after = &plan->changes[i].after;

		if (strcmp(plan->changes[i].path, path) != 0)
			continue;
		r = after->kind == CONTENT_FILE ? choice_parse(after->text, &plan->after, NULL) : 0;
		return r == -ENOMEM ? no_memory(err) : 0;
	}
	if (r == -ENOMEM || choice_copy(&plan->after, &plan->before) < 0)
		return no_memory(err);
	return 0;
}

/* A damaged one only where nothing else is left: to be named, since it stands in the way. */
static const struct snapshot *last_to_undo(const struct snapshots *snapshots)
{
	const struct snapshot *damaged = NULL;

	for (size_t i = 0; i < snapshots->n; i++) {
		const struct snapshot *s = &snapshots->v[i];

		if (s->state == SNAPSHOT_ROLLED_BACK || s->undoes.n)
			continue;
		if (!s->damaged)
			return s;
		damaged = damaged ? damaged : s;
	}
	return damaged;
}

/* What came before a snapshot and was cut short goes with it: the half of a change is no state to go
 * back to. */
static const struct snapshot *first_of(const struct snapshots *list, const struct snapshot *first)
{
	for (const struct snapshot *s = first + 1; s < list->v + list->n; s++) {
		if (s->happened && (!s->cut_short || s->damaged))
			break;
		first = s->happened ? s : first;
	}
	return first;
}

static int choose(const struct snapshots *snapshots, const char *id, const struct snapshot **ret,
	struct error *err)
{
	const struct snapshot *s = id ? snapshots_find(snapshots, id) : last_to_undo(snapshots);

	if (!s && id)
		return error_set(err, -ENOENT,
			"%s: no such snapshot; `vfio-wizard snapshots` lists them", id);
	if (!s)
		return error_set(
			err, -ENOENT, "there is nothing to go back to: no snapshot stands");
	if (!s->happened)
		return error_set(
			err, -EALREADY, "%s is rolled back already: nothing is left of it", s->id);
	*ret = s->undoes.n ? s : first_of(snapshots, s);
	return 0;
}

/* All that happened from `oldest` on, newest first.  The commands run even if no file has to be
 * changed: what they made may still be of the new state. */
static int compose(const struct snapshots *snapshots, const struct snapshot *oldest,
	struct plan *plan, struct undos *undos, struct error *err)
{
	for (const struct snapshot *s = snapshots->v; s <= oldest; s++) {
		if (!s->happened)
			continue;
		if (s->state == SNAPSHOT_APPLYING)
			return error_set(err, -EBUSY,
				"%s is being applied right now; wait for its end", s->id);
		if (s->damaged)
			return error_set(err, -EUCLEAN,
				"snapshot %s is damaged, so there is no safe way back past it: %s",
				s->id, s->damaged);
		if (strv_add(&plan->undoes, s->id) < 0 || add_undos(undos, s) < 0 ||
			add_commands(plan, s) < 0)
			return no_memory(err);
	}
	return 0;
}

static int summarize(struct plan *plan, const struct snapshot *oldest)
{
	_cleanup_(str_free) struct str text = {0};

	str_addf(&text, "undo: %s", oldest->summary);
	if (plan->undoes.n > 1)
		str_addf(&text, ", and %zu after it", plan->undoes.n - 1);
	return str_take(&text, &plan->summary);
}

int snapshot_rollback_plan(const struct root *root, const struct snapshots *snapshots,
	const char *id, struct plan **ret, struct error *err)
{
	_cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	_cleanup_(undos_free) struct undos undos = {0};
	const struct snapshot *oldest = NULL;
	int r;

	if (!plan)
		return no_memory(err);
	r = choose(snapshots, id, &oldest, err);
	if (r == 0)
		r = compose(snapshots, oldest, plan, &undos, err);
	for (size_t i = 0; r == 0 && i < undos.n; i++)
		r = plan_undo(root, &undos.v[i], plan, err);
	if (r == 0)
		r = plan_choices(root, plan, err);
	if (r < 0)
		return r;
	if (!plan->n_changes && oldest->state == SNAPSHOT_ROLLED_BACK)
		return error_set(err, -EALREADY, "%s is rolled back already: nothing is left of it",
			oldest->id);
	if (summarize(plan, oldest) < 0)
		return no_memory(err);
	*ret = TAKE_PTR(plan);
	return 0;
}
