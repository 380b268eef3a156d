/* The network: routes, addresses, links with a carrier, and the way that this session comes in. */
#include "core/usage_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROUTES  "/proc/net/route"
#define ROUTES6 "/proc/net/ipv6_route"
#define ADDRS6  "/proc/net/if_inet6"
#define TRIE    "/proc/net/fib_trie"
#define PPPOE   "/proc/net/pppoe"

#define PARENTS_MAX 32
#define RTF_UP      0x1
#define RTF_GATEWAY 0x2

struct route {
	const char *name;
	uint32_t to, gateway, mask; /* in network order, as the kernel prints them */
	uint64_t flags;
};

static bool hex32(const char *text, uint32_t *ret)
{
	uint64_t n;

	if (strlen(text) != 8 || base_number(text, 16, UINT32_MAX, &n) < 0)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* net/ipv4/fib_trie.c, fib_route_seq_show(): name, destination, gateway, flags, three counters,
 * mask, in hexadecimal. */
static bool parse_route(const struct strv *field, struct route *ret)
{
	if (field->n < 8 || !hex32(field->v[1], &ret->to) || !hex32(field->v[2], &ret->gateway) ||
		!hex32(field->v[7], &ret->mask) ||
		base_number(field->v[3], 16, UINT32_MAX, &ret->flags) < 0)
		return false;
	ret->name = field->v[0];
	return ret->flags & RTF_UP;
}

/* An address in a network that is reached without a gateway; 169.254.0.0/16 is no use. */
static bool is_connected(const struct route *route)
{
	return route->mask && !route->gateway && !(route->flags & RTF_GATEWAY) &&
	       (ntohl(route->to) >> 16) != 0xa9fe;
}

static int claim_text(struct usage *usage, const char *name, const char *text)
{
	const struct usage_claim claim = {USE_NETWORK, text, NULL};
	int r = strv_add_unique(&usage->interfaces, name);

	return r < 0 ? r : usage_claim_interface(usage, name, &claim);
}

/* A tunnel or a dialled line is on some card, and no link in /sys says on which. */
static int claim_default(struct usage *usage, const char *name, const char *text)
{
	unsigned told = usage->told;
	char place[PATH_MAX];
	int r = claim_text(usage, name, text);

	if (r < 0 || usage->told > told || strcmp(name, "lo") == 0 ||
		(base_starts(name, "ppp") && root_exists(usage->running, PPPOE)) ||
		!strstr(usage_place(usage, "/sys/class/net", name, place), "/virtual/"))
		return r;
	return usage_unknown(usage, USAGE_NETWORK,
		"no card is known below %s, which the default route goes through", name);
}

/* " (with the address 192.168.0.7)": this host's in a network.  net/ipv4/fib_trie.c shows each as
 * "|-- 192.168.0.7" and, on the next line, "/32 host LOCAL", in one table or two. */
static int add_addresses(struct usage *usage, const struct route *route, struct str *out)
{
	_cleanup_(strv_free) struct strv found = {0};
	_cleanup_free_ char *text = NULL;
	int r = usage_read(usage, NULL, TRIE, &text);
	const char *leaf = NULL;
	struct in_addr address;
	char *rest = text, *line;

	while (r >= 0 && (line = strsep(&rest, "\n"))) {
		line += strspn(line, " ");
		if (base_starts(line, "|-- "))
			leaf = line + strlen("|-- ");
		else if (leaf && base_starts(line, "/32 host LOCAL") &&
			 inet_pton(AF_INET, leaf, &address) == 1 &&
			 (address.s_addr & route->mask) == route->to)
			r = strv_add_unique(&found, leaf);
	}
	for (size_t i = 0; i < found.n; i++)
		str_addf(out, "%s%s",
			i             ? ", "
			: found.n > 1 ? " (with the addresses "
				      : " (with the address ",
			found.v[i]);
	str_add(out, found.n ? ")" : "");
	return r;
}

static int claim_network(struct usage *usage, const struct route *route)
{
	_cleanup_(str_free) struct str text = {0};
	char address[INET_ADDRSTRLEN];
	struct in_addr to = {route->to};

	(void)inet_ntop(AF_INET, &to, address, sizeof(address));
	str_addf(&text, "the network %s/%d", address, __builtin_popcount(route->mask));
	if (add_addresses(usage, route, &text) < 0)
		return -ENOMEM;
	str_add(&text, " is reached through ");
	return str_check(&text) < 0 ? -ENOMEM : claim_text(usage, route->name, text.s);
}

/* Calls `each` with the fields of every line of a file. */
static int each_line(struct usage *usage, const char *path,
	int (*each)(struct usage *usage, const struct strv *field))
{
	_cleanup_free_ char *text = NULL;
	int r = usage_read(usage, USAGE_NETWORK, path, &text);
	char *rest = text, *line;

	while (r >= 0 && (line = strsep(&rest, "\n"))) {
		_cleanup_(strv_free) struct strv field = {0};

		r = strv_split(&field, line, " \t");
		if (r == 0)
			r = each(usage, &field);
	}
	return r;
}

static int route_line(struct usage *usage, const struct strv *field)
{
	struct route route;

	if (!parse_route(field, &route))
		return 0;
	if (!route.to && !route.mask)
		return claim_default(usage, route.name, "the default route goes through ");
	return is_connected(&route) ? claim_network(usage, &route) : 0;
}

/* net/ipv6/route.c, rt6_info_route(): destination, its prefix length, ..., name last; of all
 * tables. The kernel's own "unreachable" default is on lo. */
static int route6_line(struct usage *usage, const struct strv *field)
{
	if (field->n < 10 || strspn(field->v[0], "0") != 32 || strcmp(field->v[1], "00") != 0)
		return 0;
	return claim_default(usage, field->v[field->n - 1], "the default IPv6 route goes through ");
}

static bool hex_address(const char *text, struct in6_addr *ret)
{
	for (size_t i = 0; i < sizeof(ret->s6_addr); i++) {
		char digits[3] = {text[2 * i], text[2 * i] ? text[2 * i + 1] : '\0', '\0'};
		uint64_t n;

		if (strlen(digits) != 2 || base_number(digits, 16, 255, &n) < 0)
			return false;
		ret->s6_addr[i] = (uint8_t)n;
	}
	return !text[2 * sizeof(ret->s6_addr)];
}

/* net/ipv6/addrconf.c, if6_seq_show(): address, index, prefix, scope (00: global), flags, name. */
static int address6_line(struct usage *usage, const struct strv *field)
{
	char address[INET6_ADDRSTRLEN], text[128];
	struct in6_addr addr;

	if (field->n < 6 || strcmp(field->v[3], "00") != 0 || !hex_address(field->v[0], &addr))
		return 0;
	(void)inet_ntop(AF_INET6, &addr, address, sizeof(address));
	(void)snprintf(text, sizeof(text), "the address %s is on ", address);
	return claim_text(usage, field->v[5], text);
}

/* drivers/net/ppp/pppoe.c, pppoe_seq_show(): session, address of the other end, device. */
static int pppoe_line(struct usage *usage, const struct strv *field)
{
	return field->n < 3 ? 0 : claim_text(usage, field->v[2], "a PPPoE session goes through ");
}

/* Other tables than the main one: fib_trie tells that they have a default route, and not through
 * what.  "Id 100:" begins a table, "/0 universe UNICAST" is the route. */
static int find_tables(struct usage *usage)
{
	_cleanup_free_ char *text = NULL;
	int r = usage_read(usage, NULL, TRIE, &text);
	char *rest = text, *line, table[32] = "";

	while (r >= 0 && (line = strsep(&rest, "\n"))) {
		if (*line && *line != ' ')
			(void)snprintf(table, sizeof(table), "%.31s",
				base_starts(line, "Id ") ? line + 3 : "");
		line += strspn(line, " ");
		table[strcspn(table, ":")] = '\0';
		if (*table && base_starts(line, "/0 ") && strstr(line, "UNICAST"))
			r = usage_unknown(usage, USAGE_NETWORK,
				"no link is known for the default route of table %s", table);
	}
	return r;
}

/* ---- this session --------------------------------------------------------------------------- */

struct session {
	char from[64], to[64];
	char from_port[8], to_port[8];
};

/* "192.168.0.7 50022 192.168.0.1 22": sshd(8), SSH_CONNECTION. */
static bool parse_session(const char *environ, size_t n, struct session *ret)
{
	static const char name[] = "SSH_CONNECTION=";

	for (const char *p = environ, *end = environ + n; p < end; p += strlen(p) + 1)
		if (base_starts(p, name))
			return sscanf(p + strlen(name), "%63s %7s %63s %7s", ret->from,
				       ret->from_port, ret->to, ret->to_port) == 4;
	return false;
}

/* The process above one; 0: none. */
static uint64_t parent_of(const struct usage *usage, const char *process)
{
	char path[64], text[1024], *p;
	unsigned long long parent = 0;

	(void)snprintf(path, sizeof(path), "%s/stat", process);
	if (root_attr(usage->running, path, text, sizeof(text)) <= 0 || !(p = strrchr(text, ')')) ||
		sscanf(p + 1, " %*c %llu", &parent) != 1)
		return 0;
	return parent;
}

/* The nearest process above this one that has it: sudo(8) does not hand it on. */
static int find_session(const struct usage *usage, struct session *ret)
{
	char process[48] = "/proc/self";

	for (int i = 0; i < PARENTS_MAX; i++) {
		_cleanup_free_ char *environ = NULL;
		uint64_t parent;
		char path[64];
		size_t n;
		int r;

		(void)snprintf(path, sizeof(path), "%s/environ", process);
		r = root_read(usage->running, path, &environ, &n, NULL);
		if (r == -ENOMEM)
			return r;
		if (r == 0 && parse_session(environ, n, ret))
			return 1;
		parent = parent_of(usage, process);
		if (parent <= 1)
			return 0;
		(void)snprintf(process, sizeof(process), "/proc/%llu", (unsigned long long)parent);
	}
	return 0;
}

/* An address as 16 bytes; IPv4 is mapped. */
static bool parse_address(const char *text, struct in6_addr *ret)
{
	char bare[64];

	(void)snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(text, "%"), text);
	if (inet_pton(AF_INET6, bare, ret) == 1)
		return true;
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	return inet_pton(AF_INET, bare, &ret->s6_addr[12]) == 1;
}

/* As /proc/net/tcp and tcp6 print an end of a connection: words of 32 bits, of the machine. */
static void print_end(
	char *buf, size_t size, const struct in6_addr *address, const char *port, bool four)
{
	uint32_t word[4];
	uint64_t n;

	memcpy(word, address, sizeof(word));
	if (base_number(port, 10, 65535, &n) < 0)
		n = 0;
	if (four)
		(void)snprintf(buf, size, "%08X:%04X", word[3], (unsigned)n);
	else
		(void)snprintf(buf, size, "%08X%08X%08X%08X:%04X", word[0], word[1], word[2],
			word[3], (unsigned)n);
}

/* The connection is there still: a terminal multiplexer keeps the environment of an old one. */
static int is_alive(struct usage *usage, const struct session *s)
{
	static const char *const tables[] = {"/proc/net/tcp6", "/proc/net/tcp"};
	struct in6_addr from, to;
	bool seen = false;

	if (!parse_address(s->from, &from) || !parse_address(s->to, &to))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		_cleanup_free_ char *text = NULL;
		char want[144], ends[2][64];

		if (usage_read(usage, NULL, tables[i], &text) < 0)
			return -ENOMEM;
		seen |= text != NULL;
		print_end(ends[0], sizeof(ends[0]), &to, s->to_port, i == 1);
		print_end(ends[1], sizeof(ends[1]), &from, s->from_port, i == 1);
		(void)snprintf(want, sizeof(want), " %s %s 01 ", ends[0], ends[1]);
		if (text && strstr(text, want))
			return 1;
	}
	return !seen;
}

/* The interface that has an address: the closest network, for IPv4. */
static int interface_of(struct usage *usage, const char *address, char *name, size_t size)
{
	_cleanup_free_ char *text = NULL;
	struct in6_addr want, addr;
	bool four = !strchr(address, ':') || strchr(address, '.');
	uint32_t word[4], best = 0;
	char *rest, *line;
	int r = usage_read(usage, NULL, four ? ROUTES : ADDRS6, &text);

	name[0] = '\0';
	if (strchr(address, '%'))
		(void)snprintf(name, size, "%s", strchr(address, '%') + 1);
	if (r < 0 || *name || !parse_address(address, &want))
		return r;
	memcpy(word, &want, sizeof(word));
	for (rest = text; r == 0 && (line = strsep(&rest, "\n"));) {
		_cleanup_(strv_free) struct strv field = {0};
		struct route route;

		r = strv_split(&field, line, " \t");
		if (r < 0)
			break;
		if (!four && field.n > 5 && hex_address(field.v[0], &addr) &&
			memcmp(&addr, &want, sizeof(addr)) == 0)
			(void)snprintf(name, size, "%s", field.v[5]);
		if (four && parse_route(&field, &route) && is_connected(&route) &&
			(word[3] & route.mask) == route.to && ntohl(route.mask) >= best) {
			best = ntohl(route.mask);
			(void)snprintf(name, size, "%s", route.name);
		}
	}
	return r;
}

static int find_this(struct usage *usage)
{
	struct session session;
	char name[64];
	int r = find_session(usage, &session);

	if (r > 0)
		r = is_alive(usage, &session);
	if (r <= 0)
		return r;
	r = interface_of(usage, session.to, name, sizeof(name));
	if (r < 0)
		return r;
	if (*name)
		return claim_text(usage, name, "this SSH session comes in through ");
	return usage_unknown(usage, USAGE_NETWORK, "no link is known for this SSH session");
}

/* ---- links ---------------------------------------------------------------------------------- */

static int each_link(struct usage *usage, const char *name, const char *place)
{
	char carrier[8];

	if (strstr(place, "/virtual/"))
		return strv_add(&usage->virtual_links, place);
	if (strcmp(usage_attr(usage, carrier, sizeof(carrier), "%s/carrier", place), "1") != 0)
		return 0;
	if (!usage_on_pci(usage, place))
		usage->machine->elsewhere |= 1u << USE_LINK;
	return usage_tell_path(usage, place, USE_LINK, "%s has a link", name);
}

/* What stands on links without an address or a route of the host's: a bridge for guests, a macvtap,
 * Open vSwitch.  The highest is enough, since its lower ones are found from there. */
static int claim_top(struct usage *usage, const char *place)
{
	_cleanup_(strv_free) struct strv entries = {0};
	const char *name = strrchr(place, '/') + 1;
	int r = 0;

	if (strv_has(&usage->interfaces, name))
		return 0;
	if (root_list(usage->root, place, &entries) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; i < entries.n; i++) {
		if (base_starts(entries.v[i], "upper_"))
			return 0;
		r |= base_starts(entries.v[i], "lower_");
	}
	return r ? claim_text(usage, name, "guests may have their network through ") : 0;
}

static int find_claims(struct usage *usage)
{
	int r = each_line(usage, ROUTES, route_line);

	/* A kernel without IPv6 has neither file. */
	if (r >= 0 && (root_exists(usage->running, ROUTES6) || !root_is_live(usage->running)))
		r = each_line(usage, ROUTES6, route6_line);
	if (r >= 0 && (root_exists(usage->running, ADDRS6) || !root_is_live(usage->running)))
		r = each_line(usage, ADDRS6, address6_line);
	if (r >= 0 && root_exists(usage->running, PPPOE))
		r = each_line(usage, PPPOE, pppoe_line);
	if (r >= 0)
		r = find_tables(usage);
	return r < 0 ? r : find_this(usage);
}

int usage_network(struct usage *usage)
{
	int r = usage_each(usage, USAGE_NETWORK, "/sys/class/net", each_link);

	if (r >= 0 && usage->running)
		r = find_claims(usage);
	for (size_t i = 0; r >= 0 && i < usage->virtual_links.n; i++)
		r = claim_top(usage, usage->virtual_links.v[i]);
	return r;
}
