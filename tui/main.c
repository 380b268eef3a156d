#include "tui/main.h"

#include "core/report.h"
#include "core/rescue.h"
#include "core/trial.h"
#include "core/txn.h"
#include "screens/screens.h"
#include "tui/term.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- saying things ------------------------------------------------------------------------- */

static _printf_(1, 0) void complain(const char *fmt, va_list ap)
{
	_cleanup_(str_free) struct str clean = {0};
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	report_printable(text ? text : "out of memory", &clean);
	(void)fflush(stdout);
	(void)fprintf(stderr, "vfio-wizard: %s\n", clean.s ? clean.s : "out of memory");
}

int main_error(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return status;
}

int main_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	(void)fputs("`vfio-wizard --help` shows what can be said\n", stderr);
	return MAIN_USAGE;
}

int main_print(int r, const struct str *text)
{
	_cleanup_(str_free) struct str clean = {0};

	if (r == 0 && isatty(STDOUT_FILENO)) {
		report_printable(text->s ? text->s : "", &clean);
		r = str_check(&clean);
		text = &clean;
	}
	if (r < 0)
		return main_error(MAIN_FAILED, "cannot make the answer: %s", strerror(-r));
	if (text->len)
		(void)fwrite(text->s, 1, text->len, stdout);
	return MAIN_DONE;
}

/* ---- what every command needs -------------------------------------------------------------- */

/* All that can be: how many, or -ENOMEM. */
static int mount_each(const struct root *root, const struct rescue *rescue, struct strv *failures)
{
	int n = 0;

	strv_free(failures);
	for (size_t i = 0; i < rescue->n; i++) {
		struct error err = {0};

		if (txn_mount(root, &rescue->v[i], &err) < 0) {
			if (strv_add(failures, err.text) < 0)
				return -ENOMEM;
			continue;
		}
		printf("mounted  %s\n", rescue->v[i].point);
		n++;
	}
	return n;
}

/* --mount: until nothing is missing that can be seen; /proc tells of more.  What cannot be mounted
 * is told: what comes after it says whether it can go on without. */
static int mount_missing(const struct main_options *o, struct root **root, struct error *err)
{
	_cleanup_(strv_free) struct strv failures = {0};
	int n = 1;

	for (int round = 0; n > 0 && round < 3; round++) {
		_cleanup_(rescue_free) struct rescue rescue = {0};

		n = rescue_look(*root, &rescue);
		if (n == 0)
			n = mount_each(*root, &rescue, &failures);
	}
	if (n < 0)
		return error_no_memory(err);
	for (size_t i = 0; i < failures.n; i++)
		(void)main_error(MAIN_FAILED, "%s", failures.v[i]);
	*root = root_close(*root);
	return root_open(o->root, o->sysfs, root, err);
}

int main_open(const struct main_options *o, unsigned what, struct root **ret_root,
	struct machine **ret_machine)
{
	_cleanup_(root_closep) struct root *root = NULL;
	struct error err = {0};

	if (root_open(o->root, o->sysfs, &root, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	if (o->mount && mount_missing(o, &root, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	if ((ret_machine && machine_scan(root, what, ret_machine, &err) < 0))
		return main_error(MAIN_FAILED, "%s", err.text);
	*ret_root = TAKE_PTR(root);
	return MAIN_DONE;
}

int main_choice(const struct main_options *o, const struct root *root,
	const struct machine *machine, struct choice *ret)
{
	_cleanup_(choice_free) struct choice installed = {0};
	_cleanup_(choice_free) struct choice choice = {0};
	const struct device *device;
	struct error err = {0};
	char address[24];
	int r;

	if (choice_load(root, &installed, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	for (size_t i = 0; i < o->n_args; i++) {
		if (machine_parse_address(o->args[i], address, sizeof(address), &err) < 0)
			return main_usage("%s", err.text);
		device = machine_device(machine, address);
		if (!device)
			return main_error(MAIN_FAILED,
				"there is no device %s; `%s list` shows those there are", address,
				root_command(root));
		if (choice_add(&choice, device) < 0)
			return main_error(MAIN_FAILED, "%s", strerror(ENOMEM));
	}
	choice.options = (installed.options | o->with) & ~o->without;
	choice.boot_loader = installed.boot_loader;
	choice.initramfs = installed.initramfs;
	r = o->boot_loader ? choice_set_boot_loader(&choice, machine, o->boot_loader, &err) : 0;
	if (r == 0 && o->initramfs)
		r = choice_set_initramfs(&choice, machine, o->initramfs, &err);
	if (r < 0)
		return r == -EINVAL ? main_usage("%s", err.text)
				    : main_error(MAIN_FAILED, "%s", err.text);
	choice.trial_minutes = o->trial_minutes ? o->trial_minutes : installed.trial_minutes;
	/* Whoever says one of these counts on a machine that comes back by itself. */
	if ((o->trial_minutes || (o->with & CHOICE_TRIAL_SSH)) && !(choice.options & CHOICE_TRIAL))
		return main_usage("%s is about the first boot on trial: say --with trial, too",
			o->trial_minutes ? "--trial-minutes" : "trial-ssh");
	*ret = choice;
	choice = (struct choice){0};
	return MAIN_DONE;
}

const char *main_refusal(const struct root *root)
{
	if (root_is_live(root) && geteuid() != 0)
		return "only root can change this system: start vfio-wizard with sudo or as root";
	return NULL;
}

/* ---- the command line ---------------------------------------------------------------------- */

enum option_bit {
	OPTION_ROOT = 1 << 0,
	OPTION_SYSFS = 1 << 1,
	OPTION_JSON = 1 << 2,
	OPTION_YES = 1 << 3,
	OPTION_NO_COMMANDS = 1 << 4,
	OPTION_ACCEPT = 1 << 5,
	OPTION_ALL = 1 << 6,
	OPTION_WITH = 1 << 7,
	OPTION_WITHOUT = 1 << 8,
	OPTION_HELP = 1 << 9,
	OPTION_VERSION = 1 << 10,
	OPTION_FORMAT = 1 << 11,
	OPTION_OUTPUT = 1 << 12,
	OPTION_FINISH = 1 << 13,
	OPTION_BACK = 1 << 14,
	OPTION_MOUNT = 1 << 15,
	OPTION_SSH_LOGIN = 1 << 16,
	OPTION_TRIAL_MINUTES = 1 << 17,
	OPTION_BOOT_LOADER = 1 << 18,
	OPTION_INITRAMFS = 1 << 19,
	OPTION_BEGIN = 1 << 20,
	OPTION_SYSTEM = OPTION_BOOT_LOADER | OPTION_INITRAMFS,
	OPTION_CHOICE = OPTION_WITH | OPTION_WITHOUT | OPTION_TRIAL_MINUTES | OPTION_SYSTEM,
	OPTION_EVERYWHERE = OPTION_ROOT | OPTION_SYSFS | OPTION_HELP | OPTION_VERSION,
	OPTION_CHANGE = OPTION_YES | OPTION_NO_COMMANDS | OPTION_ACCEPT | OPTION_MOUNT,
};

static const struct {
	enum option_bit bit;
	const char *name;
	const char *value; /* NULL: takes none */
	bool repeats;
	const char *text;
} options[] = {
	{OPTION_ROOT, "root", "DIR", false, "the system to configure, instead of /"},
	{OPTION_SYSFS, "sysfs", "DIR", false,
		"where hardware is read; otherwise the root's sys if it has PCI, else /sys"},
	{OPTION_JSON, "json", NULL, false, "the answer as one JSON object"},
	{OPTION_YES, "yes", NULL, false, "do not ask"},
	{OPTION_NO_COMMANDS, "no-commands", NULL, false,
		"write the files, print the commands instead of running them"},
	{OPTION_ACCEPT, "accept", "FINDING", true, "go on in spite of this danger"},
	{OPTION_FINISH, "finish", NULL, false, "do the rest of the change that was cut short"},
	{OPTION_BACK, "back", NULL, false, "take back the change that was cut short"},
	{OPTION_MOUNT, "mount", NULL, false,
		"first mount what a rescue shell lacks: /proc, /sys, the system's /boot and such"},
	{OPTION_ALL, "all", NULL, false, "every device that was ever chosen"},
	{OPTION_WITH, "with", "NAME", true, "switch an option of the choice on:"},
	{OPTION_WITHOUT, "without", "NAME", true, "switch it off"},
	{OPTION_BOOT_LOADER, "boot-loader", "NAME", false,
		"what starts this system, where it may be several: check names them"},
	{OPTION_INITRAMFS, "initramfs", "NAME", false,
		"what makes its initramfs, where it may be several"},
	{OPTION_TRIAL_MINUTES, "trial-minutes", "N", false,
		"how long the first boot is on trial, with the option trial"},
	{OPTION_BEGIN, "begin", NULL, false, "only note that the boot on trial has begun"},
	{OPTION_SSH_LOGIN, "ssh-login", NULL, false, "only if somebody is logged in over SSH"},
	{OPTION_FORMAT, "format", "NAME", false, "for libvirt (XML), qemu or proxmox"},
	{OPTION_OUTPUT, "output", "FILE", false, "into a new file instead of printing it"},
	{OPTION_HELP, "help", NULL, false, "this text"},
	{OPTION_VERSION, "version", NULL, false, "the version"},
};

static const struct command_word {
	const char *name;
	unsigned options;
	size_t min, max; /* words after the command */
	const char *words;
	int (*run)(const struct main_options *o);
	const char *text;
} commands[] = {
	{"list", OPTION_JSON, 0, 0, "", main_list, "IOMMU groups and their devices"},
	{"check", OPTION_JSON | OPTION_SYSTEM, 0, SIZE_MAX, " [DEVICE...]", main_check,
		"what passthrough needs here; with devices, what choosing them means"},
	{"plan", OPTION_JSON | OPTION_CHOICE, 1, SIZE_MAX, " DEVICE...", main_plan,
		"the changes as a diff, the commands, the drivers after the next boot"},
	{"apply", OPTION_CHANGE | OPTION_CHOICE, 1, SIZE_MAX, " DEVICE...", main_apply,
		"give these devices, and no others, to guests"},
	{"release", OPTION_CHANGE | OPTION_ALL, 0, SIZE_MAX, " [DEVICE...]", main_release,
		"give devices back to the host"},
	{"verify", OPTION_JSON, 0, 0, "", main_verify,
		"after a reboot: does every chosen device have its driver?"},
	{"confirm", OPTION_SSH_LOGIN | OPTION_YES, 0, 0, "", main_confirm,
		"the boot that is on trial is a good one: what is applied stays"},
	{"expire", OPTION_BEGIN, 0, 0, "", main_expire,
		"what a timer runs where nobody confirmed: takes back what is on trial"},
	{"guest", OPTION_FORMAT | OPTION_OUTPUT, 0, SIZE_MAX, " [DEVICE...]", main_guest,
		"what a guest's definition says for these devices, or for those that are chosen"},
	{"snapshots", OPTION_JSON, 0, 2, " [show ID]", main_snapshots,
		"what was changed, newest first; one of them as a diff"},
	{"rollback", OPTION_CHANGE, 0, 1, " [ID]", main_rollback,
		"put back what was before the newest snapshot, or before this one"},
	{"recover", OPTION_CHANGE | OPTION_FINISH | OPTION_BACK, 0, 0, "", main_recover,
		"was a change cut short (power, kill)?  Then what is done of it; finish it or go "
		"back"},
};

static int help(void)
{
	puts("Usage: vfio-wizard [--root DIR] [--sysfs DIR] [--no-commands]\n"
	     "       vfio-wizard [--root DIR] [--sysfs DIR] COMMAND ...\n\n"
	     "Hands PCI cards of this host to virtual machines.  Without a command: the wizard, "
	     "full\n"
	     "screen.  A DEVICE is an address as `list` shows it, 0000:01:00.0 or 01:00.0.\n\n"
	     "Commands:");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		printf("  %s", commands[i].name);
		for (size_t k = 0; k < ARRAY_SIZE(options); k++)
			if (commands[i].options & options[k].bit)
				printf(" [--%s%s%s]%s", options[k].name,
					options[k].value ? " " : "",
					options[k].value ? options[k].value : "",
					options[k].repeats ? "..." : "");
		printf("%s\n      %s\n", commands[i].words, commands[i].text);
	}
	puts("\nOptions:");
	for (size_t k = 0; k < ARRAY_SIZE(options); k++) {
		printf("  --%s%s%s\n      %s\n", options[k].name, options[k].value ? " " : "",
			options[k].value ? options[k].value : "", options[k].text);
		for (size_t n = 0; options[k].bit == OPTION_WITH && choice_option_names[n].name;
			n++)
			printf("        %-11s  %s\n", choice_option_names[n].name,
				choice_option_names[n].text);
	}
	puts("\nExit status: 0 done, 1 refused or failed with nothing half done, 2 usage,\n"
	     "3 failed, and not everything could be put back: then recover --back.");
	return MAIN_DONE;
}

static int take_choice_option(const char *name, unsigned *bits)
{
	unsigned bit = choice_option_by_name(name);

	if (!bit)
		return main_usage("there is no option of the choice named %s", name);
	*bits |= bit;
	return MAIN_DONE;
}

static int take_minutes(struct main_options *o, const char *value)
{
	uint64_t minutes;

	if (base_number(value, 10, TRIAL_MINUTES_MAX, &minutes) < 0 || !minutes)
		return main_usage(
			"%s is no number of minutes from 1 to %d", value, TRIAL_MINUTES_MAX);
	o->trial_minutes = (unsigned)minutes;
	return MAIN_DONE;
}

/* One option into *o; 0 or an exit status. */
static int take_option(struct main_options *o, enum option_bit bit, const char *value)
{
	switch (bit) {
	case OPTION_ROOT:
		o->root = value;
		return MAIN_DONE;
	case OPTION_SYSFS:
		o->sysfs = value;
		return MAIN_DONE;
	case OPTION_JSON:
		o->json = true;
		return MAIN_DONE;
	case OPTION_YES:
		o->yes = true;
		return MAIN_DONE;
	case OPTION_NO_COMMANDS:
		o->no_commands = true;
		return MAIN_DONE;
	case OPTION_MOUNT:
		o->mount = true;
		return MAIN_DONE;
	case OPTION_ALL:
		o->all = true;
		return MAIN_DONE;
	case OPTION_FINISH:
		o->finish = true;
		return MAIN_DONE;
	case OPTION_BACK:
		o->back = true;
		return MAIN_DONE;
	case OPTION_ACCEPT:
		return strv_add(&o->accept, value) < 0
			       ? main_error(MAIN_FAILED, "%s", strerror(ENOMEM))
			       : MAIN_DONE;
	case OPTION_BEGIN:
		o->begin = true;
		break;
	case OPTION_SSH_LOGIN:
		o->ssh_login = true;
		return MAIN_DONE;
	case OPTION_TRIAL_MINUTES:
		return take_minutes(o, value);
	case OPTION_BOOT_LOADER:
		o->boot_loader = value;
		return MAIN_DONE;
	case OPTION_INITRAMFS:
		o->initramfs = value;
		return MAIN_DONE;
	case OPTION_FORMAT:
		o->format = value;
		return MAIN_DONE;
	case OPTION_OUTPUT:
		o->output = value;
		return MAIN_DONE;
	case OPTION_WITH:
		return take_choice_option(value, &o->with);
	case OPTION_WITHOUT:
		return take_choice_option(value, &o->without);
	case OPTION_HELP:
	case OPTION_VERSION:
	case OPTION_EVERYWHERE:
	case OPTION_CHOICE:
	case OPTION_SYSTEM:
	case OPTION_CHANGE:
		break;
	}
	return MAIN_DONE;
}

/* Every option into *o, which ones into *seen; 0 or an exit status.  argv is left with the words
 * from optind on. */
static int take_options(int argc, char **argv, struct main_options *o, unsigned *seen)
{
	struct option table[ARRAY_SIZE(options) + 1] = {0};
	int r, k;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		table[i] = (struct option){.name = options[i].name,
			.has_arg = options[i].value ? required_argument : no_argument};
	opterr = 0;
	while ((r = getopt_long(argc, argv, ":", table, &k)) != -1) {
		if (r == ':')
			return main_usage("%s needs a value", argv[optind - 1]);
		if (r != 0 && optopt)
			return main_usage("unknown option -%c", optopt);
		if (r != 0)
			return main_usage("unknown option %s", argv[optind - 1]);
		*seen |= options[k].bit;
		r = take_option(o, options[k].bit, optarg);
		if (r != 0)
			return r;
	}
	return MAIN_DONE;
}

static int run_command(struct main_options *o, unsigned seen)
{
	const struct command_word *command = NULL;
	unsigned wrong;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, o->args[0]) == 0)
			command = &commands[i];
	if (!command)
		return main_usage("there is no command %s", o->args[0]);
	o->args++;
	o->n_args--;
	wrong = seen & ~(command->options | OPTION_EVERYWHERE);
	for (size_t k = 0; k < ARRAY_SIZE(options); k++)
		if (wrong & options[k].bit)
			return main_usage("%s does not take --%s", command->name, options[k].name);
	if (o->n_args < command->min)
		return main_usage(
			"%s needs a device; `vfio-wizard list` shows them", command->name);
	if (o->n_args > command->max)
		return main_usage("%s does not take %s", command->name, o->args[command->max]);
	if (!(command->options & OPTION_MOUNT))
		main_look_for_interrupted(o);
	return command->run(o);
}

/* ---- the wizard ---------------------------------------------------------------------------- */

/* First what a rescue shell lacks; what is mounted there is seen only through a root opened anew.
 */
static int run_rescue(
	const struct main_options *o, struct app *app, struct term *term, struct root **root)
{
	int r = screens_rescue(app, term);

	if (r < 0 || !app->go_on)
		return r;
	*root = root_close(*root);
	r = main_open(o, 0, root, NULL);
	app->root = *root;
	return r == 0 ? 0 : -ECANCELED;
}

static int run_screens(const struct main_options *o, struct app *app, struct root **root)
{
	struct term *term = NULL;
	struct error err = {0};
	char message[256];
	int r = 0;

	if (term_open(&term, message, sizeof(message)) < 0)
		return main_error(MAIN_FAILED,
			"%s\nThe commands need no terminal: see `vfio-wizard --help`", message);
	if (app->rescue.n)
		r = run_rescue(o, app, term, root);
	else
		app->go_on = true;
	if (r == 0 && app->go_on && app_open(app, &err) == 0)
		r = screens_run(app, term);
	term_close(term);
	if (err.code < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	if (r == -EINTR)
		return main_error(
			MAIN_FAILED, "stopped by a signal or by the loss of the terminal");
	return r < 0 ? main_error(MAIN_FAILED, "%s", strerror(-r)) : MAIN_DONE;
}

static int run_wizard(const struct main_options *o, unsigned seen)
{
	_cleanup_(root_closep) struct root *root = NULL;
	struct app app = {.no_commands = o->no_commands};
	int r;

	if (seen & ~(unsigned)(OPTION_EVERYWHERE | OPTION_NO_COMMANDS))
		return main_usage("these options need a command");
	r = main_open(o, 0, &root, NULL);
	if (r != 0)
		return r;
	(void)setlocale(LC_ALL, "");
	app.root = root;
	if (main_refusal(root))
		(void)snprintf(app.refusal, sizeof(app.refusal), "%s", main_refusal(root));
	r = app_look(&app) < 0 ? main_error(MAIN_FAILED, "%s", strerror(ENOMEM))
			       : run_screens(o, &app, &root);
	app_close(&app);
	return r;
}

/* A closed 0, 1 or 2 would be taken by the next file that is opened, and our words would go into
 * it.  Opened the wrong way round, using it stays the error that it is. */
static bool hold_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}

static int run(int argc, char **argv, struct main_options *o)
{
	unsigned seen = 0;
	int r;

	r = take_options(argc, argv, o, &seen);
	if (r != 0)
		return r;
	if (seen & OPTION_HELP)
		return help();
	if (seen & OPTION_VERSION) {
		puts("vfio-wizard " VERSION);
		return MAIN_DONE;
	}
	o->args = argv + optind;
	o->n_args = (size_t)(argc - optind);
	return o->n_args ? run_command(o, seen) : run_wizard(o, seen);
}

int main(int argc, char **argv)
{
	struct main_options o = {.root = "/"};
	int status;

	if (!hold_standard_streams())
		return MAIN_FAILED;
	status = run(argc, argv, &o);
	strv_free(&o.accept);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fprintf(
			stderr, "vfio-wizard: cannot write the answer: %s\n", strerror(errno));
		if (status == MAIN_DONE)
			status = MAIN_FAILED;
	}
	return status;
}
