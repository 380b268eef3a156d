/* The frame: who checks what, and how findings name devices. */
#include "core/check_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* In a list: a person reads no more names than this, and no longer ones. */
#define NAMES_MAX       32
#define NAME_MAX_LENGTH 60

struct check_name check_name(const struct device *device)
{
	struct check_name name;
	char buf[128];

	(void)snprintf(name.s, sizeof(name.s), "%s %.128s", device->address,
		device_label(device, buf, sizeof(buf)));
	return name;
}

void check_names_add(struct check_names *names, const struct device *device)
{
	struct check_name name = check_name(device);
	size_t n = strlen(name.s);

	if (names->n++ >= NAMES_MAX)
		return;
	if (n > NAME_MAX_LENGTH) {
		n = NAME_MAX_LENGTH;
		while (n && ((unsigned char)name.s[n] & 0xc0) == 0x80)
			n--;
	}
	str_add(&names->text, names->text.len ? ", " : "");
	str_addn(&names->text, name.s, n);
}

void check_names_add_driver(struct check_names *names, const struct device *device)
{
	check_names_add(names, device);
	if (names->n <= NAMES_MAX && device->driver)
		str_addf(&names->text, " (%.32s)", device->driver);
}

void check_names_add_group(struct check_names *names, const struct device *device)
{
	check_names_add_address(names, device);
	if (names->n <= NAMES_MAX)
		str_addf(&names->text, " (group %lld)", (long long)device->group);
}

void check_names_add_address(struct check_names *names, const struct device *device)
{
	if (names->n++ < NAMES_MAX)
		str_addf(&names->text, "%s%s", names->text.len ? ", " : "", device->address);
}

const char *check_names_text(struct check *c, struct check_names *names)
{
	if (names->n > NAMES_MAX)
		str_addf(&names->text, " and %zu more", names->n - NAMES_MAX);
	if (str_check(&names->text) < 0)
		c->r = -ENOMEM;
	return c->r < 0 || !names->text.s ? "" : names->text.s;
}

void check_names_free(struct check_names *names)
{
	str_free(&names->text);
}

void check_add(struct check *c, const char *id, enum severity severity, const struct device *device,
	int64_t group, const char *remedy, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	if (c->r < 0)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		c->r = -ENOMEM;
		return;
	}
	c->r = findings_add(c->findings, id, severity, device, group, remedy, "%s", text);
}

int check_choice(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, struct findings *findings)
{
	struct check c = {
		.machine = machine, .choice = choice, .existing = existing, .findings = findings};

	check_system(&c);
	check_picks(&c);
	check_options(&c);
	check_devices(&c);
	if (choice->n)
		check_uses(&c);
	check_groups(&c);
	if (c.r == 0)
		findings_sort(findings);
	return c.r;
}
