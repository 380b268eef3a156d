/* What network cards are used for: routes, addresses, layers above them, this session. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support.h"
#include "tests/support_uses.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define ROUTES                                                                                     \
	"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

static void test_default_route(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/net/route",
		ROUTES "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
	uses_scan(f);
	uses_only(f, USE_NETWORK, NIC, NULL);
	assert_string_equal(uses_of(f, NIC, USE_NETWORK), "the default route goes through eth0");
}

static void test_other_routes(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/net/route",
		ROUTES "eth0\t0000FEA9\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0\n"
		       "eth0\t0000000A\t0100A8C0\t0003\t0\t0\t100\t000000FF\t0\t0\t0\n"
		       "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000080\t0\t0\t0\n"
		       "../block/sda\t00000000\t0100A8C0\t0003\t0\t0\t1\t00000000\t0\t0\t0\n"
		       "eth0\t00000000\n");
	uses_scan(f);
	uses_only(f, USE_NETWORK, NULL);
}

/* A bridge for guests on a VLAN on the card, and IPv6 only. */
static void test_bridged_ipv6_route(void **state)
{
	struct uses_host *f = *state;

	uses_link(f->dir, "/sys/class/net/br0", "../../devices/virtual/net/br0");
	uses_link(f->dir, "/sys/devices/virtual/net/br0/lower_eth0.5", "../eth0.5");
	uses_link(
		f->dir, "/sys/devices/virtual/net/eth0.5/lower_eth0", "../../../../class/net/eth0");
	uses_link(f->dir, "/sys/devices/virtual/net/eth0.5/upper_br0", "../br0");
	support_put(f->dir, "/proc/net/ipv6_route",
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003      br0\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n");
	uses_scan(f);
	uses_only(f, USE_NETWORK, NIC, NULL);
}

static void test_nonsense(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/swaps", "\n\n/dev/\n/dev/../../etc\n/dev/sda1");
	support_put(f->dir, "/proc/net/route", "\t\t\t\n");
	uses_mounts(f,
		"\n - \n1 2 3 4 5 6\n1 2 3 4 / 6 -\n1 2 3 4 / 6 - ext4\n28 1 ../../ / / rw - x "
		"/dev/\n"
		"28 1 8:1 / \\04 rw a b c d e - ext4 - - -\n\377");
	uses_only(f, USE_ROOT_DISK, NULL);
}

/* `name` stands on `lower`: the kernel links them both ways. */
static void lower(struct uses_host *f, const char *name, const char *type, const char *lower)
{
	char place[128], uevent[160], text[160], down[160], up[160], target[128];

	snprintf(place, sizeof(place), "virtual/net/%s", name);
	snprintf(uevent, sizeof(uevent), "/sys/devices/%s/uevent", place);
	snprintf(text, sizeof(text), "DEVTYPE=%s\nINTERFACE=%s\n", type, name);
	snprintf(down, sizeof(down), "/sys/class/net/%s/lower_%s", name, lower);
	snprintf(up, sizeof(up), "/sys/class/net/%s/upper_%s", lower, name);
	snprintf(target, sizeof(target), "../../../../class/net/%s", lower);
	uses_made_elsewhere(f, "net", name, place);
	support_put(f->dir, uevent, text);
	uses_link(f->dir, down, target);
	uses_link(f->dir, up, "../" /* read by nobody */);
}

#define ROUTE_TO(name, to, mask) name "\t" to "\t00000000\t0001\t0\t0\t0\t" mask "\t0\t0\t0\n"
#define NO_IPV6                                                                                    \
	support_put(f->dir, "/proc/net/ipv6_route", "");                                           \
	support_put(f->dir, "/proc/net/if_inet6", "")

static void test_bridge_over_vlan_over_bond(void **state)
{
	struct uses_host *f = *state;

	lower(f, "bond0", "bond", "eth0");
	lower(f, "bond0.5", "vlan", "bond0");
	lower(f, "br0", "bridge", "bond0.5");
	support_put(f->dir, "/proc/net/route",
		ROUTES "br0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" ROUTE_TO(
			"bond0", "0002000A", "00FFFFFF"));
	support_put(f->dir, "/proc/net/if_inet6",
		"fe800000000000000000000000000001 02 40 20 80     br0\n"
		"20010db8000000000000000000000005 02 40 00 80     br0\n");
	support_put(f->dir, "/proc/net/ipv6_route", "");
	uses_scan(f);
	uses_only(f, USE_NETWORK, NIC, NULL);
	uses_says(f, NIC, USE_NETWORK,
		"the default route goes through eth0 in bond `bond0`, vlan `bond0.5` and bridge "
		"`br0`");
	uses_says(f, NIC, USE_NETWORK,
		"the network 10.0.2.0/24 is reached through eth0 in bond `bond0`");
	uses_says(f, NIC, USE_NETWORK,
		"the address 2001:db8::5 is on eth0 in bond `bond0`, vlan `bond0.5` and bridge "
		"`br0`");
	assert_int_equal(uses_count(f, NIC, USE_NETWORK), 3);
	assert_false(uses_is_unknown(f, "network", ""));
}

/* Bridges of guests have no address of the host's; Open vSwitch has a device that all its ports are
 * below, and its route is on one that nothing is below. */
static void test_networks_of_guests(void **state)
{
	struct uses_host *f = *state;

	lower(f, "bond0", "bond", "eth0");
	lower(f, "vmbr1", "bridge", "bond0");
	uses_made_elsewhere(f, "net", "virbr0", "virtual/net/virbr0");
	support_put(f->dir, "/proc/net/route", ROUTES);
	NO_IPV6;
	uses_scan(f);
	uses_only(f, USE_NETWORK, NIC, NULL);
	uses_says(f, NIC, USE_NETWORK,
		"guests may have their network through eth0 in bond `bond0` and bridge `vmbr1`");
	assert_int_equal(uses_count(f, NIC, USE_NETWORK), 1);
	assert_false(uses_is_unknown(f, "network", ""));
}

static void test_open_vswitch(void **state)
{
	struct uses_host *f = *state;

	lower(f, "ovs-system", "", "eth0");
	uses_made_elsewhere(f, "net", "br-ex", "virtual/net/br-ex");
	support_put(f->dir, "/proc/net/route", ROUTES ROUTE_TO("br-ex", "00000000", "00000000"));
	NO_IPV6;
	uses_scan(f);
	uses_says(
		f, NIC, USE_NETWORK, "guests may have their network through eth0 in `ovs-system`");
	assert_true(uses_is_unknown(f, "network", "no card is known below br-ex"));
}

static void test_pppoe(void **state)
{
	struct uses_host *f = *state;

	uses_made_elsewhere(f, "net", "ppp0", "virtual/net/ppp0");
	support_put(f->dir, "/proc/net/route", ROUTES ROUTE_TO("ppp0", "00000000", "00000000"));
	NO_IPV6;
	support_put(f->dir, "/proc/net/pppoe",
		"Id       Address              Device\n0000002A 00:11:22:33:44:55     eth0\n");
	uses_scan(f);
	uses_only(f, USE_NETWORK, NIC, NULL);
	uses_says(f, NIC, USE_NETWORK, "a PPPoE session goes through eth0");
	assert_false(uses_is_unknown(f, "network", ""));
}

static void test_tunnel(void **state)
{
	struct uses_host *f = *state;

	uses_made_elsewhere(f, "net", "wg0", "virtual/net/wg0");
	support_put(f->dir, "/proc/net/route", ROUTES ROUTE_TO("wg0", "00000000", "00000000"));
	NO_IPV6;
	uses_scan(f);
	uses_only(f, USE_NETWORK, NULL);
	assert_true(uses_is_unknown(f, "network", "no card is known below wg0"));
}

/* net/ipv4/fib_trie.c, fib_trie_seq_show(): the address 10.0.2.15, and one on another card. */
static void test_addresses(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/net/route",
		ROUTES "eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
	support_put(f->dir, "/proc/net/fib_trie",
		"Main:\n  +-- 10.0.2.0/24 2 0 2\n     |-- 10.0.2.0\n        /24 link UNICAST\n"
		"     |-- 10.0.2.15\n        /32 host LOCAL\n"
		"     |-- 10.0.2.255\n        /32 link BROADCAST\n"
		"Local:\n     |-- 10.0.2.15\n        /32 host LOCAL\n"
		"     |-- 10.0.2.16\n        /32 host LOCAL\n"
		"     |-- 10.0.3.15\n        /32 host LOCAL\n");
	uses_scan(f);
	assert_string_equal(uses_of(f, NIC, USE_NETWORK),
		"the network 10.0.2.0/24 (with the addresses 10.0.2.15, 10.0.2.16) is reached "
		"through "
		"eth0");
}

static void test_other_tables(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/net/route", ROUTES);
	NO_IPV6;
	support_put(f->dir, "/proc/net/fib_trie",
		"Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
		"Id 100:\n  |-- 0.0.0.0\n     /0 universe UNICAST\n"
		"Local:\n  +-- 127.0.0.0/8 2 0 2\n");
	uses_scan(f);
	assert_true(uses_is_unknown(f, "network", "table 100"));
}

static void test_link(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/sys/class/net/eth0/carrier", "1\n");
	uses_made(f, USB, "net", "usb1/1-2/net/usb0");
	support_put(f->dir, "/sys/class/net/usb0/carrier", "0\n");
	lower(f, "br0", "bridge", "eth0");
	support_put(f->dir, "/sys/class/net/br0/carrier", "1\n");
	uses_scan(f);
	uses_only(f, USE_LINK, NIC, NULL);
	assert_int_equal(f->machine->elsewhere, 0);
}

static void test_link_elsewhere(void **state)
{
	struct uses_host *f = *state;

	uses_made_elsewhere(f, "net", "end0", "platform/soc/net/end0");
	support_put(f->dir, "/sys/class/net/end0/carrier", "1\n");
	uses_scan(f);
	uses_only(f, USE_LINK, NULL);
	assert_true(f->machine->elsewhere & 1u << USE_LINK);
}

/* Without its physical function there is no virtual one. */
static void test_virtual_function(void **state)
{
	struct uses_host *f = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/physfn", NIC);
	uses_link(f->dir, path, "../../0000:00:17.0");
	support_put(f->dir, "/proc/net/route",
		ROUTES "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
	uses_scan(f);
	uses_only(f, USE_NETWORK, NIC, SATA, NULL);
	uses_says(f, SATA, USE_NETWORK,
		"the default route goes through eth0, by its virtual function " NIC);
}

/* sudo drops SSH_CONNECTION, its parent has it; the connection is 192.168.0.7:50022 to .1:22. */
static void session(struct uses_host *f, const char *environment, size_t n)
{
	FILE *file;
	char path[256];

	support_put(f->dir, "/proc/net/route", ROUTES ROUTE_TO("eth0", "0000A8C0", "00FFFFFF"));
	NO_IPV6;
	support_put(f->dir, "/proc/self/stat", "200 (vfio (wizard) S 150 200 1 0\n");
	support_put(f->dir, "/proc/self/environ", "TERM=xterm");
	support_put(f->dir, "/proc/150/stat", "150 (sudo) S 100 150 1 0\n");
	support_put(f->dir, "/proc/100/stat", "100 (bash) S 1 100 1 0\n");
	(void)snprintf(path, sizeof(path), "%s/proc/100/environ", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(environment, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static const char of_ssh[] = "A=b\0SSH_CONNECTION=192.168.0.7 50022 192.168.0.1 22\0X=y";
#define THIS_SESSION "this SSH session comes in through eth0"

static void test_this_session(void **state)
{
	struct uses_host *f = *state;

	session(f, of_ssh, sizeof(of_ssh));
	support_put(f->dir, "/proc/net/tcp",
		"  sl  local_address rem_address   st\n"
		"   0: 0100A8C0:0016 0700A8C0:C366 01 00000000:00000000\n");
	uses_scan(f);
	uses_says(f, NIC, USE_NETWORK, THIS_SESSION);
}

/* Inside tmux, attached from the console since. */
static void test_session_that_is_gone(void **state)
{
	struct uses_host *f = *state;

	session(f, of_ssh, sizeof(of_ssh));
	support_put(f->dir, "/proc/net/tcp",
		"   0: 0100A8C0:0016 0700A8C0:C366 06 00000000:00000000\n");
	uses_scan(f);
	for (size_t i = 0; i < machine_device(f->machine, NIC)->n_uses; i++)
		assert_string_not_equal(
			machine_device(f->machine, NIC)->uses[i].text, THIS_SESSION);
}

static void test_session_over_ipv6(void **state)
{
	static const char of_ssh6[] = "SSH_CONNECTION=2001:db8::7 50022 2001:db8::5 22";
	struct uses_host *f = *state;

	session(f, of_ssh6, sizeof(of_ssh6));
	support_put(f->dir, "/proc/net/if_inet6",
		"20010db8000000000000000000000005 02 40 00 80     eth0\n");
	support_put(f->dir, "/proc/net/tcp6",
		"   0: B80D0120000000000000000005000000:0016 B80D0120000000000000000007000000:C366 "
		"01 "
		"0\n");
	uses_scan(f);
	uses_says(f, NIC, USE_NETWORK, THIS_SESSION);
}

#define T(name) cmocka_unit_test_setup_teardown(name, uses_setup, uses_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_default_route),
		T(test_other_routes),
		T(test_bridged_ipv6_route),
		T(test_nonsense),
		T(test_bridge_over_vlan_over_bond),
		T(test_networks_of_guests),
		T(test_open_vswitch),
		T(test_pppoe),
		T(test_tunnel),
		T(test_addresses),
		T(test_other_tables),
		T(test_link),
		T(test_link_elsewhere),
		T(test_virtual_function),
		T(test_this_session),
		T(test_session_that_is_gone),
		T(test_session_over_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
