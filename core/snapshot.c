#include "core/snapshot.h"

#include "core/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

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
		content_free(&s->files[i].left);
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
		return error_no_memory(err);
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
		return error_no_memory(err);
	r = root_read_text(root, path, &content->text, err);
	if (r < 0)
		return r;
	if (manifest_sum(content->text, strlen(content->text)) != sum)
		return error_set(err, -EUCLEAN, "%s: not what was written there", path);
	return 0;
}

/* It only says which content was nobody's edit: one that is lost costs a question. */
static int read_left(const struct root *root, const char *id, size_t i, struct snapshot_file *file,
	struct error *err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct content left = file->after;
	int r;

	if (asprintf(&path, SNAPSHOT_DIR "/%s/left-%zu", id, i) < 0)
		return error_no_memory(err);
	if (file->after.kind != CONTENT_FILE || root_read_text(root, path, &text, NULL) < 0)
		return 0;
	left.text = text;
	r = content_copy(&file->left, &left);
	return r < 0 ? error_no_memory(err) : 0;
}

static int read_manifest(const struct root *root, struct snapshot *s, struct error *err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int r;

	if (asprintf(&path, SNAPSHOT_DIR "/%s/manifest", s->id) < 0)
		return error_no_memory(err);
	r = root_read_text(root, path, &text, err);
	if (r == 0)
		r = manifest_parse(text, s, err);
	for (size_t i = 0; r == 0 && i < s->n_files; i++) {
		struct snapshot_file *file = &s->files[i];

		r = read_copy(root, s->id, "before", i, &file->before, file->before_sum, err);
		if (r == 0)
			r = read_copy(root, s->id, "after", i, &file->after, file->after_sum, err);
		if (r == 0)
			r = read_left(root, s->id, i, file, err);
	}
	return r;
}

static int read_state(const struct root *root, struct snapshot *s, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	char word[16] = "";
	ssize_t n;

	if (asprintf(&path, SNAPSHOT_DIR "/%s/state", s->id) < 0)
		return error_no_memory(err);
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
		return error_no_memory(err);
	r = read_state(root, &s, &why);
	if (!is_lack(r) && read_manifest(root, &s, &why) < 0)
		r = why.code;
	if (is_lack(r))
		return error_set(err, r, "%s", why.text);
	if (r < 0) {
		clear_contents(&s);
		s.damaged = strdup(why.text);
		if (!s.damaged)
			return error_no_memory(err);
	}
	if (!s.summary && !(s.summary = strdup("")))
		return error_no_memory(err);
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

/* "PID PROGRAM": what was written there is root's, and only shown. */
static bool is_program(char *line, const char **ret_program)
{
	char *space = line ? strchr(line, ' ') : NULL;
	uint64_t pid;

	if (!space)
		return false;
	*space = '\0';
	*ret_program = space + 1;
	return base_number(line, 10, INT32_MAX, &pid) == 0;
}

int snapshot_held(const struct root *root, int code, struct error *err)
{
	char text[256] = "", *rest = text, *owner, *line;
	const char *program;
	uint64_t pid;

	(void)root_attr(root, SNAPSHOT_LOCK, text, sizeof(text));
	owner = strsep(&rest, "\n");
	line = strsep(&rest, "\n");
	if (base_number(owner, 10, INT32_MAX, &pid) < 0)
		return error_set(err, code,
			"another vfio-wizard is changing this system; wait until it has ended");
	if (getpgid((pid_t)pid) >= 0 || errno != ESRCH)
		return error_set(err, code,
			"another vfio-wizard (process %s) is changing this system; wait until it "
			"has ended",
			owner);
	if (!is_program(line, &program))
		return error_set(err, code,
			"a vfio-wizard was killed, and what it had started still runs; wait until "
			"that has ended");
	return error_set(err, code,
		"a vfio-wizard was killed, and what it had started still runs: %s (process %s) or "
		"a part of it; wait until that has ended",
		program, line);
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
			return error_no_memory(err);
		r = load_one(root, names.v[i], number, &list.v[list.n], err);
		if (r < 0)
			return r;
		list.n++;
	}
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), newest_first);
	/* Asked before and after: one that ended meanwhile was not interrupted. */
	if (settle_states(&list, busy || somebody_applies(root)) < 0)
		return error_no_memory(err);
	*ret = list;
	list = (struct snapshots){0};
	return 0;
}
