/* Reading NAME.facts; the format is described in fixtures/README. */
#include "tests/mktree.h"
#include "tests/mktree_machine.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX 4096

struct mktree_machine *mktree_facts_free(struct mktree_machine *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->n_device; i++)
		free(m->device[i].config);
	for (size_t i = 0; i < m->n_kept; i++)
		free(m->kept[i]);
	free(m->device);
	free(m->kept);
	free(m);
	return NULL;
}

/* Makes room for one more element; the array doubles. */
static int grow(void **array, size_t *max, size_t n, size_t size)
{
	size_t more = *max ? *max * 2 : 64;
	void *p;

	if (n < *max)
		return 0;
	p = reallocarray(*array, more, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*max = more;
	return 0;
}

const char *mktree_machine_keep(struct mktree_machine *m, const char *format, ...)
{
	void *array = m->kept;
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&s, format, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	if (grow(&array, &m->max_kept, m->n_kept, sizeof(*m->kept)) < 0) {
		free(s);
		return NULL;
	}
	m->kept = array;
	m->kept[m->n_kept++] = s;
	return s;
}

struct mktree_device *mktree_machine_add(struct mktree_machine *m)
{
	void *array = m->device;

	if (grow(&array, &m->max_device, m->n_device, sizeof(*m->device)) < 0)
		return NULL;
	m->device = array;
	memset(&m->device[m->n_device], 0, sizeof(*m->device));
	m->device[m->n_device].group = -1;
	return &m->device[m->n_device++];
}

static uint64_t order(const char *address)
{
	unsigned int d = 0, b = 0, s = 0, f = 0;

	sscanf(address, "%x:%x:%x.%x", &d, &b, &s, &f);
	return (uint64_t)d << 16 | (b & 255) << 8 | (s & 31) << 3 | (f & 7);
}

static int compare(const void *a, const void *b)
{
	const struct mktree_device *x = a, *y = b;
	uint64_t l = order(x->address), r = order(y->address);

	return l < r ? -1 : l > r;
}

void mktree_machine_sort(struct mktree_machine *m)
{
	if (m->n_device)
		qsort(m->device, m->n_device, sizeof(*m->device), compare);
}

struct mktree_device *mktree_facts_find(const struct mktree_machine *m, const char *address)
{
	struct mktree_device key;

	snprintf(key.address, sizeof(key.address), "%s", address);
	if (!m->n_device || !*address)
		return NULL;
	return bsearch(&key, m->device, m->n_device, sizeof(key), compare);
}

/* The next word of *line, NULL at its end. */
static char *word(char **line)
{
	char *w;

	while (*line && isspace((unsigned char)**line))
		(*line)++;
	if (!*line || !**line)
		return NULL;
	w = strsep(line, " \t");
	return w;
}

static const char *none(const char *w)
{
	return w && strcmp(w, "-") != 0 ? w : NULL;
}

static int header(struct mktree_machine *m, const char *name, char *rest)
{
	char *w = rest + strspn(rest, " \t");

	if (strcmp(name, "title") == 0)
		m->title = w;
	else if (strcmp(name, "source") == 0)
		m->source = w;
	else if (strcmp(name, "cpu") == 0)
		m->cpu = w;
	else if (strcmp(name, "table") == 0)
		m->table = w;
	else if (strcmp(name, "iommu") == 0)
		m->iommu = strcmp(w, "yes") == 0  ? MKTREE_IOMMU_YES
			   : strcmp(w, "no") == 0 ? MKTREE_IOMMU_NO
						  : MKTREE_IOMMU_UNKNOWN;
	else if (strcmp(name, "units") == 0) {
		while ((w = word(&rest)) && none(w) && m->n_unit < MKTREE_UNITS)
			m->unit[m->n_unit++] = w;
	} else if (strcmp(name, "module") == 0 && m->n_rename < MKTREE_RENAMES) {
		m->rename[m->n_rename].driver = word(&rest);
		m->rename[m->n_rename].module = none(word(&rest));
		return m->rename[m->n_rename++].driver ? 0 : -EINVAL;
	} else
		return -EINVAL;
	return 0;
}

int mktree_machine_child(struct mktree_device *d, char *text)
{
	struct mktree_child *c = &d->child[d->n_child];
	char *path = strchr(text, ':'), *dev = strrchr(text, '@');

	if (!path || d->n_child == MKTREE_CHILDREN)
		return -EINVAL;
	*path++ = '\0';
	if (dev)
		*dev++ = '\0';
	c->subsystem = text;
	c->path = path;
	c->dev = dev;
	d->n_child++;
	return 0;
}

static int bus_numbers(struct mktree_device *d, const char *text)
{
	if (sscanf(text, "%2hhx-%2hhx-%2hhx", &d->bus[0], &d->bus[1], &d->bus[2]) != 3)
		return -EINVAL;
	d->bridge = true;
	return 0;
}

static int config_of(struct mktree_device *d, const char *size)
{
	d->config_size = strtoul(size, NULL, 10);
	if (d->config_size < 64 || d->config_size > CONFIG_MAX || d->config)
		return -EINVAL;
	d->config = calloc(1, d->config_size);
	return d->config ? 0 : -ENOMEM;
}

/* "name=value" behind the seven columns of a device */
static int property(struct mktree_device *d, char *w)
{
	char *v = strchr(w, '=');

	if (!v && strcmp(w, "boot_vga") == 0) {
		d->boot_vga = true;
		return 0;
	}
	if (!v)
		return -EINVAL;
	*v++ = '\0';
	if (strcmp(w, "parent") == 0)
		snprintf(d->parent, sizeof(d->parent), "%s", v);
	else if (strcmp(w, "physfn") == 0)
		snprintf(d->physfn, sizeof(d->physfn), "%s", v);
	else if (strcmp(w, "path") == 0)
		d->path = v;
	else if (strcmp(w, "modules") == 0)
		d->modules = v;
	else if (strcmp(w, "reset") == 0)
		d->reset = v;
	else if (strcmp(w, "bus") == 0)
		return bus_numbers(d, v);
	else if (strcmp(w, "child") == 0)
		return mktree_machine_child(d, v);
	else if (strcmp(w, "config") == 0)
		return config_of(d, v);
	else
		return -EINVAL;
	return 0;
}

/* address id subsystem class revision group driver [name=value]... */
static int device(struct mktree_machine *m, const char *address, char *rest)
{
	struct mktree_device *d = mktree_machine_add(m);
	char *col[6], *w;
	int r = 0;

	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < 6; i++) {
		col[i] = word(&rest);
		if (!col[i])
			return -EINVAL;
	}
	snprintf(d->address, sizeof(d->address), "%s", address);
	if (sscanf(col[0], "%4x:%4x", &d->vendor, &d->device) != 2)
		return -EINVAL;
	if (none(col[1]) && sscanf(col[1], "%4x:%4x", &d->subvendor, &d->subdevice) != 2)
		return -EINVAL;
	d->class = (unsigned int)strtoul(col[2], NULL, 16);
	d->revision = none(col[3]) ? (unsigned int)strtoul(col[3], NULL, 16) : 0;
	d->group = none(col[4]) ? strtoll(col[4], NULL, 10) : -1;
	d->driver = none(col[5]);
	while (r == 0 && (w = word(&rest)))
		r = property(d, w);
	return r;
}

/* "<tab>OFFSET HEX", bytes of the configuration space of the device above */
static int config_row(struct mktree_machine *m, char *line)
{
	struct mktree_device *d = m->n_device ? &m->device[m->n_device - 1] : NULL;
	char *offset = word(&line), *hex = word(&line);
	size_t at = offset ? strtoul(offset, NULL, 16) : 0;

	if (!d || !hex)
		return -EINVAL;
	for (; hex[0] && hex[1]; hex += 2, at++)
		if (at >= d->config_size || sscanf(hex, "%2hhx", &d->config[at]) != 1)
			return -EINVAL;
	return *hex ? -EINVAL : 0;
}

static int line_of(struct mktree_machine *m, char *line)
{
	char *comment = strstr(line, "  # ");
	char *first;

	if (comment)
		*comment = '\0';
	if (*line == '#')
		return 0;
	if (*line == '\t')
		return config_row(m, line);
	first = word(&line);
	if (!first)
		return 0;
	if (!line)
		return -EINVAL;
	return strchr(first, ':') ? device(m, first, line) : header(m, first, line);
}

static int parse(struct mktree_machine *m, FILE *f, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	unsigned int n = 0;
	int r = 0;

	while (r == 0 && getline(&line, &size, f) >= 0) {
		char *kept;

		line[strcspn(line, "\n")] = '\0';
		kept = (char *)(uintptr_t)mktree_machine_keep(m, "%s", line);
		r = kept ? line_of(m, kept) : -ENOMEM;
		n++;
	}
	free(line);
	if (r < 0)
		fprintf(stderr, "%s:%u: %s\n", name, n, strerror(-r));
	return r;
}

int mktree_facts_load(const char *facts_file, struct mktree_machine **ret)
{
	struct mktree_machine *m = calloc(1, sizeof(*m));
	FILE *f = fopen(facts_file, "re");
	int r = !m ? -ENOMEM : !f ? -errno : 0;

	if (r < 0)
		fprintf(stderr, "%s: %s\n", facts_file, strerror(-r));
	else
		r = parse(m, f, facts_file);
	if (f)
		fclose(f);
	if (r < 0) {
		mktree_facts_free(m);
		return r;
	}
	mktree_machine_sort(m);
	*ret = m;
	return 0;
}
