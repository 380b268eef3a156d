/* OpenNebula's monitoring of PCI cards: which ones the probe of a host reports.  The filter is a
 * file of the front-end, which `onehost sync` copies to the hosts: pci.conf (YAML) since 5.6,
 * before that a constant in the probe itself.  What lies in a host's own /var/tmp/one is
 * overwritten by the next sync. */
#include "core/targets/target.h"

#include "core/edit_yaml_pci.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REMOTES  "/var/lib/one/remotes"
#define PCI_CONF REMOTES "/etc/im/kvm-probes.d/pci.conf"
#define PCI_RB   REMOTES "/im/kvm-probes.d/pci.rb"
#define ONEHOST  "/usr/bin/onehost"

static const struct words_place filter_conf = {WORDS_PCI_CONF, PCI_CONF, "filter"};
static const struct words_place address_conf = {WORDS_PCI_CONF, PCI_CONF, "short_address"};
static const struct words_place filter_rb = {WORDS_PCI_RB, PCI_RB, ""};

static bool detect(const struct target_input *in)
{
	return in->choice->options & CHOICE_OPENNEBULA;
}

/* As lspci prints it, which the probe compares with: the domain only where some device has one. */
static int add_address(const struct target_input *in, const char *address, struct strv *ret)
{
	for (size_t i = 0; i < in->machine->n_devices; i++)
		if (in->machine->devices[i].domain)
			return strv_add(ret, address);
	return strv_add(ret, base_starts(address, "0000:") ? address + 5 : address);
}

/* Patterns as lspci -d has them, and addresses. */
static int wanted_cards(
	const struct target_input *in, struct strv *patterns, struct strv *addresses)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < in->choice->n; i++) {
		const struct pick *p = &in->choice->picks[i];
		char pattern[16];

		(void)snprintf(pattern, sizeof(pattern), "%04x:%04x", p->vendor, p->device);
		r = strv_add_unique(patterns, pattern);
		if (r == 0)
			r = add_address(in, p->address, addresses);
	}
	return r;
}

/* A list of addresses narrows the filter down only where it holds some: ours join theirs. */
static int has_addresses(const struct target_input *in, bool *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(strv_free) struct strv words = {0};
	int r = root_read_text(in->root, PCI_CONF, &text, err);

	if (r < 0)
		return r;
	r = edit_yaml_pci_read(PCI_CONF, text, EDIT_YAML_PCI_SHORT_ADDRESS, &words, err);
	*ret = words.n > 0;
	return r < 0 ? r : 0;
}

static int plan_conf(const struct target_input *in, struct plan *plan, const struct strv *patterns,
	const struct strv *addresses, struct error *err)
{
	static const struct strv none;
	bool narrow = false;
	int r = in->choice->n ? has_addresses(in, &narrow, err) : 0;

	if (r == 0)
		r = target_own_words(
			in, plan, &target_opennebula, &filter_conf, NULL, patterns, err);
	if (r == 0)
		r = target_own_words(in, plan, &target_opennebula, &address_conf, NULL,
			narrow ? addresses : &none, err);
	return r;
}

/* The version of the front-end's files: major number, 0: not known. */
static unsigned major_version(const struct target_input *in)
{
	char text[32];
	unsigned major = 0;

	if (root_attr(in->root, REMOTES "/VERSION", text, sizeof(text)) <= 0 ||
		sscanf(text, "%3u.", &major) != 1)
		return 0;
	return major;
}

/* From 7.0 on a host's own template narrows down what it reports. */
static int note_host(const struct target_input *in, struct plan *plan, const struct strv *addresses)
{
	_cleanup_(str_free) struct str list = {0};

	if (major_version(in) < 7)
		return 0;
	for (size_t i = 0; i < addresses->n; i++)
		str_addf(&list, "%s%s", i ? "," : "", addresses->v[i]);
	if (str_check(&list) < 0)
		return -ENOMEM;
	return findings_add(&plan->findings, "opennebula-host", SEVERITY_INFO, NULL, -1,
		"as oneadmin: write that line into a file, and onehost update HOST FILE --append",
		"OpenNebula's filter goes by kind of card. That this host reports just the chosen "
		"ones "
		"is a line of its template: PCI_SHORT_ADDRESS = \"%s\"",
		list.s);
}

static int note_node(const struct target_input *in, struct plan *plan, const struct strv *patterns)
{
	_cleanup_(str_free) struct str list = {0};
	bool node = root_exists(in->root, "/var/tmp/one");

	for (size_t i = 0; i < patterns->n; i++)
		str_addf(&list, "%s'%s'", i ? ", " : "", patterns->v[i]);
	if (str_check(&list) < 0)
		return -ENOMEM;
	return findings_add(&plan->findings, "opennebula-node", SEVERITY_WARNING, NULL, -1,
		"on the front-end: choose the cards there with the option opennebula, or add the "
		"patterns by hand, then onehost sync -f as oneadmin",
		"%s: the filter %s has to be added to pci.conf of OpenNebula's front-end.",
		node ? "This is a host of OpenNebula, not its front-end"
		     : "OpenNebula's front-end is not installed here",
		list.s);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(strv_free) struct strv patterns = {0}, addresses = {0};
	bool conf = root_exists(in->root, PCI_CONF), rb = !conf && root_exists(in->root, PCI_RB);

	if (wanted_cards(in, &patterns, &addresses) < 0)
		return error_no_memory(err);
	if (in->choice->n && !conf && !rb)
		return note_node(in, plan, &patterns) < 0 ? error_no_memory(err) : 0;
	if (in->choice->n && note_host(in, plan, &addresses) < 0)
		return error_no_memory(err);
	if (conf)
		return plan_conf(in, plan, &patterns, &addresses, err);
	return rb ? target_own_words(in, plan, &target_opennebula, &filter_rb, NULL, &patterns, err)
		  : 0;
}

/* onehost refuses root. */
static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {
		"/usr/sbin/runuser", "-u", "oneadmin", "--", ONEHOST, "sync", "-f", NULL};

	if (!target_changed(plan, &target_opennebula) || !root_runs(in->root) ||
		!root_exists(in->root, ONEHOST))
		return 0;
	if (plan_add_command(plan, COMMAND_PREPARE, "copy OpenNebula's probes to its hosts", argv) <
		0)
		return error_no_memory(err);
	return 0;
}

const struct target target_opennebula = {
	.name = "opennebula", .detect = detect, .plan = plan, .commands = commands};
