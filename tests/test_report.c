#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/report.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

/* Everything that a file of sysfs or a hostile name may hold: quotes, a line break, an escape
 * sequence, a C1 control, broken and overlong UTF-8, a surrogate, and what is fine. */
#define HOSTILE      "a\"b\\c\nd\033[2J\x7f\xc2\x9b\xff\xc0\xaf\xed\xa0\x80\xe2\x82 \xe2\x82\xac\xf0\x9f\x98\x80"
#define HOSTILE_JSON                                                                               \
	"a\\\"b\\\\c\\nd\\u001b[2J\\u007f\\u009b\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"         \
	"\\ufffd\\ufffd \xe2\x82\xac\xf0\x9f\x98\x80"

static char text_dma[] = "DMA-FQ", text_nouveau[] = "nouveau", text_hostile[] = HOSTILE,
	text_nvidia[] = "nvidia", text_name[] = "NVIDIA Corporation GM204 [GeForce GTX 970]",
	text_class[] = "VGA compatible controller", text_use[] = "/ is on nvme0n1p2";
static char *module_names[] = {text_nouveau, text_nvidia, NULL};
static const struct strv no_modules, two_modules = {.v = module_names, .n = 2};
static char text_guests[] = "a\033[2J";
static struct unknown_use unknown_uses[] = {{.what = "guests", .reason = text_guests}};
static struct use uses[] = {{.kind = USE_ROOT_DISK, .text = text_use}};

static struct device devices[] = {
	{.address = "0000:01:00.0", .vendor = 0x10de, .device = 0x13c2, .subsystem_vendor = 0x1043,
		.subsystem_device = 0x85, .class = 0x30000, .revision = 0xa1, .group = 300,
		.driver = text_nouveau, .name = text_name, .class_name = text_class,
		.modules = &two_modules},
	{.address = "0000:05:00.0", .vendor = 0x8086, .device = 0x10d3, .class = 0x20000, .group = -1,
		.modules = &no_modules},
	{.address = "10000:e1:00.0", .vendor = 0xabcd, .device = 1, .class = 0x10802, .group = 0,
		.driver = text_hostile, .name = text_hostile, .modules = &no_modules, .uses = uses,
		.n_uses = 1},
};
static const struct device *group_0[] = {&devices[2]}, *group_300[] = {&devices[0]};
static struct group groups[] = {
	{.id = 0, .devices = group_0, .n_devices = 1},
	{.id = 300, .type = text_dma, .devices = group_300, .n_devices = 1},
};
static const struct machine machine = {
	.devices = devices, .n_devices = 3, .groups = groups, .n_groups = 2,
	.unknown_uses = unknown_uses, .n_unknown_uses = 1,
	.host = {.iommu_active = true, .firmware = FIRMWARE_VTD},
};

static void assert_text(struct str *out, const char *expected)
{
	assert_int_equal(str_check(out), 0);
	assert_string_equal(out->s, expected);
	str_free(out);
}

static void test_list_json(void **state)
{
	struct str out = {0};

	(void)state;
	assert_int_equal(report_list(&machine, true, &out), 0);
	assert_text(&out,
		"{\"format\": 1,\n"
		"\"iommu\": {\"present\": true, \"enabled\": true},\n"
		"\"groups\": [\n"
		"  {\"id\": 0, \"type\": null, \"devices\": [\"10000:e1:00.0\"],\n"
		"\"members\": [{\"address\": \"10000:e1:00.0\", \"role\": \"blocked\"}]},\n"
		"  {\"id\": 300, \"type\": \"DMA-FQ\", \"devices\": [\"0000:01:00.0\"],\n"
		"\"members\": [{\"address\": \"0000:01:00.0\", \"role\": \"along\"}]}],\n"
		"\"devices\": [\n"
		"  {\"address\": \"0000:01:00.0\", \"vendor\": \"10de\", \"device\": \"13c2\", "
		"\"subsystem_vendor\": \"1043\", \"subsystem_device\": \"0085\", \"class\": \"030000\", "
		"\"revision\": \"a1\", \"group\": 300, \"driver\": \"nouveau\", \"modules\": "
		"[\"nouveau\", \"nvidia\"], \"name\": \"NVIDIA Corporation GM204 [GeForce GTX 970]\", "
		"\"uses\": []},\n"
		"  {\"address\": \"0000:05:00.0\", \"vendor\": \"8086\", \"device\": \"10d3\", "
		"\"subsystem_vendor\": \"0000\", \"subsystem_device\": \"0000\", \"class\": \"020000\", "
		"\"revision\": \"00\", \"group\": null, \"driver\": null, \"modules\": [], "
		"\"name\": null, \"uses\": []},\n"
		"  {\"address\": \"10000:e1:00.0\", \"vendor\": \"abcd\", \"device\": \"0001\", "
		"\"subsystem_vendor\": \"0000\", \"subsystem_device\": \"0000\", \"class\": \"010802\", "
		"\"revision\": \"00\", \"group\": 0, \"driver\": \"" HOSTILE_JSON "\", \"modules\": [], "
		"\"name\": \"" HOSTILE_JSON "\", \"uses\": [\"/ is on nvme0n1p2\"]}],\n"
		"\"uses_unknown\": [\n"
		"  {\"what\": \"guests\", \"reason\": \"a\\u001b[2J\"}]\n"
		"}\n");
}

static void test_list_json_of_nothing(void **state)
{
	struct machine empty = {.host = {.firmware = FIRMWARE_AMDVI}};
	struct str out = {0};

	(void)state;
	assert_int_equal(report_list(&empty, true, &out), 0);
	assert_text(&out, "{\"format\": 1,\n\"iommu\": {\"present\": true, \"enabled\": false},\n"
			  "\"groups\": [],\n\"devices\": [],\n\"uses_unknown\": []\n}\n");
}

static void test_list_text(void **state)
{
	struct str out = {0};

	(void)state;
	assert_int_equal(report_list(&machine, false, &out), 0);
	assert_text(&out,
		"Group 0\n"
		"  10000:e1:00.0  abcd:0001  a\"b\\c?d?[2J?????????? \xe2\x82\xac\xf0\x9f\x98\x80"
		"  class 010802\n"
		"                a\"b\\c d?[2J?????????? \xe2\x82\xac\xf0\x9f\x98\x80\n"
		"                host: / is on nvme0n1p2\n"
		"Group 300 (DMA-FQ)\n"
		"  0000:01:00.0  10de:13c2  nouveau         VGA compatible controller\n"
		"                NVIDIA Corporation GM204 [GeForce GTX 970]\n"
		"                modules: nouveau, nvidia\n"
		"No group\n"
		"  0000:05:00.0  8086:10d3  -               class 020000\n"
		"Not known, and so perhaps in use: guests (a?[2J)\n");
}

static void test_list_text_without_iommu(void **state)
{
	struct machine plain = {.devices = &devices[1], .n_devices = 1};
	struct str out = {0};

	(void)state;
	assert_int_equal(report_list(&plain, false, &out), 0);
	assert_text(&out, "No group: the IOMMU is off or absent\n"
			  "  0000:05:00.0  8086:10d3  -               class 020000\n");
}

/* No line of text is wider than a terminal, whatever the names, as long as they have blanks. */
static void test_text_fits_80_columns(void **state)
{
	char name[] = "Advanced Micro Devices, Inc. [AMD/ATI] Navi 21 [Radeon RX 6800/6800 XT / "
		      "6900 XT] with a name that goes on and on, well past the second line of a "
		      "terminal, and then some";
	struct device d = {.address = "0000:01:00.0", .group = -1, .name = name,
		.modules = &no_modules};
	struct machine plain = {.devices = &d, .n_devices = 1};
	struct str out = {0};
	size_t lines = 0;

	(void)state;
	assert_int_equal(report_list(&plain, false, &out), 0);
	for (const char *line = out.s; *line; line += strcspn(line, "\n") + 1) {
		assert_true(strcspn(line, "\n") <= 80);
		lines++;
	}
	assert_int_equal(lines, 5);
	str_free(&out);
}

static void test_check(void **state)
{
	char text[] = "Off", remedy[] = "Switch VT-d on in the firmware", empty[] = "";
	struct requirement r[] = {
		{.id = "iommu", .state = REQUIREMENT_MISSING, .title = "IOMMU", .text = text,
			.remedy = remedy},
		{.id = "kvm", .state = REQUIREMENT_OK, .title = "KVM", .text = text, .remedy = empty},
	};
	struct requirements requirements = {.v = r, .n = 2};
	struct findings findings = {0};
	struct str out = {0};

	(void)state;
	assert_int_equal(findings_add(&findings, "root-disk", SEVERITY_DANGER, &devices[0], 300,
		"Choose another", "holds %s", "/"), 0);
	assert_int_equal(findings_add(&findings, "read-only", SEVERITY_BLOCK, NULL, -1, "", "ro"), 0);
	assert_int_equal(report_check(&requirements, &findings, true, &out), 0);
	assert_text(&out,
		"{\"format\": 1,\n\"requirements\": [\n"
		"  {\"id\": \"iommu\", \"state\": \"missing\", \"text\": \"Off\", "
		"\"remedy\": \"Switch VT-d on in the firmware\"},\n"
		"  {\"id\": \"kvm\", \"state\": \"ok\", \"text\": \"Off\", \"remedy\": \"\"}],\n"
		"\"findings\": [\n"
		"  {\"id\": \"root-disk\", \"severity\": \"danger\", \"device\": \"0000:01:00.0\", "
		"\"group\": 300, \"text\": \"holds /\", \"remedy\": \"Choose another\"},\n"
		"  {\"id\": \"read-only\", \"severity\": \"block\", \"device\": null, \"group\": null, "
		"\"text\": \"ro\", \"remedy\": \"\"}]\n}\n");
	assert_int_equal(report_check(&requirements, &findings, false, &out), 0);
	assert_text(&out, "missing  IOMMU: Off\n"
			  "         What to do: Switch VT-d on in the firmware\n"
			  "ok       KVM: Off\n"
			  "\nFor this choice:\n"
			  "  danger   root-disk 0000:01:00.0 group 300\n"
			  "    holds /\n"
			  "    What to do: Choose another\n"
			  "  block    read-only\n"
			  "    ro\n");
	findings_free(&findings);
	assert_int_equal(report_check(&requirements, NULL, true, &out), 0);
	assert_non_null(strstr(out.s, "\"findings\": []"));
	str_free(&out);
}

/* A plan by hand: a new file, a command, one device that changes and one that does not. */
static struct plan *make_plan(void)
{
	static const char *const argv[] = {"/usr/sbin/update-initramfs", "-k", "all", "it's", NULL};
	static const char *const set[] = {"/sbin/set", "a b", NULL};
	static const char *const unset[] = {"/sbin/unset", "a\033b", NULL};
	static const char *const look[] = {"/bin/look", "/boot/image", NULL};
	static struct forecast_entry entries[3];
	char *names[] = {(char *)(uintptr_t) "bin/vfio-bind", (char *)(uintptr_t) "vfio.ko", NULL};
	const struct strv expect = {.v = names, .n = 2};
	struct plan *plan = calloc(1, sizeof(*plan));
	char old[] = "old\n", new[] = "new\n", summary[] = "bind 0000:01:00.0";
	char vfio[] = "vfio-pci", why[] = "chosen", same[] = "nobody asks for it";
	struct content before = {.kind = CONTENT_FILE, .mode = 0644, .text = old};
	struct content after = {.kind = CONTENT_FILE, .mode = 0644, .text = new};
	struct content absent = {.kind = CONTENT_ABSENT};

	assert_non_null(plan);
	assert_int_equal(plan_add_change(plan, "test", "/etc/a", &before, &after), 0);
	assert_int_equal(plan_add_change(plan, "test", "/etc/b", &absent, &after), 0);
	assert_int_equal(plan_add_change(plan, "test", "/etc/c", &before, &absent), 0);
	assert_int_equal(plan_add_command(plan, COMMAND_INITRAMFS, "rebuild", argv), 0);
	assert_int_equal(plan_add_check(plan, "see that it is right", look, &expect, NULL), 0);
	assert_int_equal(plan_add_undoable(plan, COMMAND_BOOT_LOADER, "set", set, unset, NULL), 0);
	assert_int_equal(plan_add_undoable(plan, COMMAND_UNDO, "take back", unset, set, NULL), 0);
	plan->summary = strdup(summary);
	plan->forecast.v = calloc(2, sizeof(entries[0]));
	assert_non_null(plan->forecast.v);
	plan->forecast.n = 2;
	plan->forecast.v[0] = (struct forecast_entry){.device = &devices[0], .now = text_nouveau,
		.next = strdup(vfio), .reason = strdup(why)};
	plan->forecast.v[1] = (struct forecast_entry){.device = &devices[1], .reason = strdup(same)};
	assert_int_equal(findings_add(&plan->findings, "group-bridge", SEVERITY_INFO, NULL, 300, "",
		"fine"), 0);
	return plan;
}

static void test_plan_json(void **state)
{
	struct plan *plan = make_plan();
	struct str out = {0};

	(void)state;
	assert_int_equal(report_plan(plan, true, &out), 0);
	assert_non_null(strstr(out.s, "{\"format\": 1,\n\"changes\": [\n  {\"path\": \"/etc/a\", "
				      "\"action\": \"modify\", \"diff\": \"diff --git a/etc/a b/etc/a\\n"));
	assert_non_null(strstr(out.s, "\\n-old\\n+new\\n\"},\n"));
	assert_non_null(strstr(out.s, "{\"path\": \"/etc/b\", \"action\": \"create\", "));
	assert_non_null(strstr(out.s, "{\"path\": \"/etc/c\", \"action\": \"delete\", "));
	assert_non_null(strstr(out.s,
		"],\n\"commands\": [\n"
		"  [\"/sbin/unset\", \"a\\u001bb\"],\n"
		"  [\"/usr/sbin/update-initramfs\", \"-k\", \"all\", \"it's\"],\n"
		"  [\"/bin/look\", \"/boot/image\"],\n"
		"  [\"/sbin/set\", \"a b\"]],\n"
		"\"steps\": [\n"
		"  {\"argv\": [\"/sbin/unset\", \"a\\u001bb\"], \"purpose\": \"take back\", "
		"\"stage\": \"undo\", \"undo\": [\"/sbin/set\", \"a b\"], \"expect\": []},\n"
		"  {\"argv\": [\"/usr/sbin/update-initramfs\", \"-k\", \"all\", \"it's\"], "
		"\"purpose\": \"rebuild\", \"stage\": \"initramfs\", \"undo\": [], "
		"\"expect\": []},\n"
		"  {\"argv\": [\"/bin/look\", \"/boot/image\"], "
		"\"purpose\": \"see that it is right\", \"stage\": \"check\", \"undo\": [], "
		"\"expect\": [\"bin/vfio-bind\", \"vfio.ko\"]},\n"
		"  {\"argv\": [\"/sbin/set\", \"a b\"], \"purpose\": \"set\", "
		"\"stage\": \"boot-loader\", \"undo\": [\"/sbin/unset\", \"a\\u001bb\"], "
		"\"expect\": []}],\n"
		"\"forecast\": [\n"
		"  {\"address\": \"0000:01:00.0\", \"now\": \"nouveau\", \"next\": \"vfio-pci\", "
		"\"reason\": \"chosen\"},\n"
		"  {\"address\": \"0000:05:00.0\", \"now\": null, \"next\": null, "
		"\"reason\": \"nobody asks for it\"}],\n"
		"\"findings\": [\n"
		"  {\"id\": \"group-bridge\", \"severity\": \"info\", \"device\": null, \"group\": "
		"300, "
		"\"text\": \"fine\", \"remedy\": \"\"}]\n}\n"));
	str_free(&out);
	plan_free(plan);
}

/* Comments, the diff, comments: nothing else, so that patch takes it. */
static void test_plan_text(void **state)
{
	struct plan *plan = make_plan();
	struct str out = {0};
	const char *diff, *end;

	(void)state;
	assert_int_equal(report_plan(plan, false, &out), 0);
	diff = strstr(out.s, "diff --git a/etc/a b/etc/a\n");
	end = strstr(out.s, "#\n# Commands");
	assert_non_null(diff);
	assert_non_null(end);
	for (const char *line = out.s; line < diff; line += strcspn(line, "\n") + 1)
		assert_int_equal(*line, '#');
	for (const char *line = end; *line; line += strcspn(line, "\n") + 1)
		assert_int_equal(*line, '#');
	assert_string_equal(end, "#\n# Commands, after the files are written:\n"
				 "#   /sbin/unset 'a?b'  (take back)\n"
				 "#       this one before the files are written\n"
				 "#       taken back by /sbin/set 'a b'\n"
				 "#   /usr/sbin/update-initramfs -k all 'it'\\''s'  (rebuild)\n"
				 "#   /bin/look /boot/image  (see that it is right)\n"
				 "#       right only if it lists bin/vfio-bind and vfio.ko\n"
				 "#   /sbin/set 'a b'  (set)\n"
				 "#       taken back by /sbin/unset 'a?b'\n"
				 "#\n# After the next boot:\n"
				 "#   0000:01:00.0  nouveau -> vfio-pci\n"
				 "#       chosen\n");
	str_free(&out);
	plan_free(plan);
}

static void says_way_back(const struct plan *plan, const char *expected, const char *not_expected)
{
	struct str out = {0};

	report_way_back(plan, &out);
	assert_non_null(strstr(out.s, expected));
	assert_null(strstr(out.s, not_expected));
	str_free(&out);
}

/* What the findings say about the boot menu of this very system goes before what most menus offer.
 */
static void test_way_back(void **state)
{
	struct plan *plan = make_plan();

	(void)state;
	plan->way_back = "module_blacklist=vfio_pci vfio-pci.ids=";
	says_way_back(
		plan, "press e, add module_blacklist=vfio_pci vfio-pci.ids= to", "What to do");
	assert_int_equal(findings_add(&plan->findings, "no-spare-entry", SEVERITY_INFO, NULL, -1,
				 "press F2 twice", "The menu gets none."),
		0);
	says_way_back(plan, "The menu gets none.  What to do: press F2 twice.", "press e");
	assert_int_equal(findings_add(&plan->findings, "boot-editor-off", SEVERITY_WARNING, NULL,
				 -1, "switch it on", "The editor is off."),
		0);
	says_way_back(plan, "The editor is off.  What to do: switch it on.", "press F2");
	plan_free(plan);
}

/* What report_command() writes is what a shell reads back. */
static void test_command_survives_a_shell(void **state)
{
	char plain[] = "/bin/x-1_2=3:4", blank[] = "a  b", quote[] = "it's \"$HOME\" `x` \\", empty[] = "",
	     line[] = "one\ntwo";
	char *words[] = {plain, blank, quote, empty, line, NULL};
	struct strv argv = {.v = words, .n = 5};
	struct str script = {0}, out = {0};

	(void)state;
	str_add(&script, "printf '<%s>' ");
	report_command(&argv, &script);
	assert_int_equal(str_check(&script), 0);
	assert_int_equal(support_run((const char *[]){"/bin/sh", "-c", script.s, NULL}, &out), 0);
	assert_text(&out, "</bin/x-1_2=3:4><a  b><it's \"$HOME\" `x` \\><><one\ntwo>");
	str_free(&script);
}

static void test_verify(void **state)
{
	char vfio[] = "vfio-pci", reason[] = "the host driver was faster", empty[] = "";
	struct verdict v[] = {
		{.address = "0000:01:00.0", .expected = vfio, .actual = vfio, .ok = true, .reason = empty,
			.now_at = "0000:01:00.0"},
		{.address = "0000:05:00.0", .expected = vfio, .reason = reason},
	};
	char version[] = "6.1", version2[] = "6.2", image[] = "/boot/initrd.img-6.1";
	char rebuild[] = "update-initramfs -u -k 6.1";
	struct kernel_verdict kernels[] = {
		{.version = version, .image = image, .covered = NO, .rebuild = rebuild},
		{.version = version2, .covered = UNKNOWN}};
	struct verdicts verdicts = {.v = v, .n = 2, .kernels = kernels, .n_kernels = 2};
	struct str out = {0};

	(void)state;
	char spare[] = "/efi/loader/entries/0.conf", trouble[] = "it is not there";

	assert_int_equal(report_verify(&verdicts, true, &out), 0);
	assert_text(&out, "{\"format\": 1,\n\"devices\": [\n"
			  "  {\"address\": \"0000:01:00.0\", \"expected\": \"vfio-pci\", "
			  "\"actual\": \"vfio-pci\", \"ok\": true, \"reason\": \"\", "
			  "\"now_at\": \"0000:01:00.0\"},\n"
			  "  {\"address\": \"0000:05:00.0\", \"expected\": \"vfio-pci\", "
			  "\"actual\": null, \"ok\": false, "
			  "\"reason\": \"the host driver was faster\", \"now_at\": null}],\n"
			  "\"kernels\": [\n"
			  "  {\"version\": \"6.1\", \"image\": \"/boot/initrd.img-6.1\", "
			  "\"covered\": false, \"rebuild\": \"update-initramfs -u -k 6.1\"},\n"
			  "  {\"version\": \"6.2\", \"image\": null, \"covered\": null, "
			  "\"rebuild\": null}], "
			  "\"spare_entry\": null\n}\n");
	assert_int_equal(report_verify(&verdicts, false, &out), 0);
	assert_text(&out,
		"ok     0000:01:00.0  expected vfio-pci, found vfio-pci\n"
		"WRONG  0000:05:00.0  expected vfio-pci, found none\n"
		"       the host driver was faster\n"
		"OLD    kernel 6.1\n"
		"       /boot/initrd.img-6.1 was built before the choice was written, so that\n"
		"       kernel binds late or not at all: rebuild it with update-initramfs -u -k\n"
		"       6.1\n"
		"?      kernel 6.2\n"
		"       no image was found by its name, so it is not known whether it has the\n"
		"       choice\n");
	verdicts = (struct verdicts){.spare = spare, .spare_trouble = empty};
	assert_int_equal(report_verify(&verdicts, true, &out), 0);
	assert_text(&out, "{\"format\": 1,\n\"devices\": [],\n\"kernels\": [], "
			  "\"spare_entry\": {\"path\": \"/efi/loader/entries/0.conf\", "
			  "\"ok\": true, \"reason\": \"\"}\n}\n");
	verdicts.n = 1;
	verdicts.v = v;
	verdicts.spare_trouble = trouble;
	assert_int_equal(report_verify(&verdicts, false, &out), 0);
	assert_text(&out, "ok     0000:01:00.0  expected vfio-pci, found vfio-pci\n"
			  "OLD    boot entry without passthrough\n"
			  "       /efi/loader/entries/0.conf: it is not there\n");
}

static void test_snapshots(void **state)
{
	char id[] = "20261122-150301-1", id2[] = "x", summary[] = "bind \033[1m", path[] = "/etc/a";
	char damaged[] = "its manifest is cut short", new[] = "new\n";
	struct snapshot_file file = {.path = path,
		.after = {.kind = CONTENT_FILE, .mode = 0644, .text = new}};
	struct snapshot s[] = {
		{.id = id, .time = 1795359781, .summary = summary, .files = &file, .n_files = 1},
		{.id = id2, .time = INT64_MAX, .summary = summary, .state = SNAPSHOT_INTERRUPTED,
			.damaged = damaged},
	};
	struct snapshots snapshots = {.v = s, .n = 2};
	struct str out = {0};

	(void)state;
	assert_int_equal(report_snapshots(&snapshots, true, &out), 0);
	assert_text(&out,
		"{\"format\": 1,\n\"snapshots\": [\n"
		"  {\"id\": \"20261122-150301-1\", \"time\": \"2026-11-22T15:03:01Z\", "
		"\"summary\": \"bind \\u001b[1m\", \"state\": \"complete\", \"damaged\": null, "
		"\"paths\": [\"/etc/a\"]},\n"
		"  {\"id\": \"x\", \"time\": \"unknown\", \"summary\": \"bind \\u001b[1m\", "
		"\"state\": \"interrupted\", \"damaged\": \"its manifest is cut short\", "
		"\"paths\": []}]\n}\n");
	assert_int_equal(report_snapshots(&snapshots, false, &out), 0);
	assert_text(&out, "20261122-150301-1  2026-11-22T15:03:01Z  complete     bind ?[1m\n"
			  "    /etc/a\n"
			  "x  unknown  damaged      its manifest is cut short\n");
	assert_int_equal(report_snapshot(&s[0], true, &out), 0);
	assert_non_null(strstr(out.s, "\"paths\": [\"/etc/a\"],\n\"changes\": [\n"
				      "  {\"path\": \"/etc/a\", \"action\": \"create\", \"diff\": \""));
	assert_non_null(strstr(out.s, "],\n\"commands\": [],\n\"steps\": []\n}\n"));
	str_free(&out);
	assert_int_equal(report_snapshot(&s[0], false, &out), 0);
	assert_true(base_starts(out.s, "# 20261122-150301-1  "));
	assert_non_null(strstr(out.s, "\n+new\n"));
	str_free(&out);
}

static void test_printable(void **state)
{
	struct str out = {0};

	(void)state;
	report_printable("a\tb\nc\033]0;x\007\xc3\xa4\xc2\x80", &out);
	assert_text(&out, "a\tb\nc?]0;x?\xc3\xa4?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_json),
		cmocka_unit_test(test_list_json_of_nothing),
		cmocka_unit_test(test_list_text),
		cmocka_unit_test(test_list_text_without_iommu),
		cmocka_unit_test(test_text_fits_80_columns),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_plan_json),
		cmocka_unit_test(test_plan_text),
		cmocka_unit_test(test_way_back),
		cmocka_unit_test(test_command_survives_a_shell),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
