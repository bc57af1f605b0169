package org.diffusion4j.internal.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryLimitsTest {

  private static final long MB = 1 << 20;
  private static final long MARGIN = 64 * MB;
  private static final String UNLIMITED_V1 = "9223372036854771712\n";
  private static final String V1_MOUNTS =
      """
      30 22 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
      31 30 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
      34 30 0:31 %s /sys/fs/cgroup/memory rw,relatime shared:4 - cgroup cgroup rw,memory
      40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
      """;
  private static final String V2_MOUNTS =
      "29 22 0:26 %s /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

  @TempDir Path root;

  private void write(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private void machine(long availableMb) throws IOException {
    write(
        "proc/meminfo",
        "MemTotal:       %d kB\nMemFree:  1 kB\nMemAvailable:   %d kB\nCommitLimit: 4194304 kB\nCommitted_AS: 1048576 kB\n"
            .formatted(64L << 20, availableMb << 10));
  }

  private void v1(String group, String mounted) throws IOException {
    write("proc/self/cgroup", "9:name=systemd:/\n4:memory:" + group + "\n1:cpu:/\n0::/\n");
    write("proc/self/mountinfo", V1_MOUNTS.formatted(mounted));
  }

  private void v1Group(String path, String limit, long usedMb, long cacheMb) throws IOException {
    String directory = "sys/fs/cgroup/memory/" + path;
    write(directory + "/memory.limit_in_bytes", limit);
    write(directory + "/memory.usage_in_bytes", usedMb * MB + "\n");
    write(
        directory + "/memory.stat",
        "cache 5\ninactive_file 7\ntotal_inactive_file %d\n".formatted(cacheMb * MB));
  }

  private void v2(String group, String mounted) throws IOException {
    write("proc/self/cgroup", "0::" + group + "\n");
    write("proc/self/mountinfo", V2_MOUNTS.formatted(mounted));
  }

  private void v2Group(String path, String limit, long usedMb, long cacheMb) throws IOException {
    String directory = "sys/fs/cgroup/" + path;
    write(directory + "/memory.max", limit + "\n");
    write(directory + "/memory.current", usedMb * MB + "\n");
    write(
        directory + "/memory.stat",
        "anon 12\nfile 5\ninactive_file %d\nactive_file 3\n".formatted(cacheMb * MB));
  }

  private long left() {
    return new MemoryLimits(root).left();
  }

  @Test
  void left_ofTheMachine_isWhatIsAvailableWithoutAMargin() throws IOException {
    machine(3000);
    assertThat(left()).isEqualTo(3000 * MB - MARGIN);
  }

  @Test
  void left_whereNothingIsKnown_hasNoLimit() {
    assertThat(left()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void left_whereTheSystemPromisesNoMoreThanItHas_isWhatItMayPromise() throws IOException {
    machine(10_000);
    write("proc/sys/vm/overcommit_memory", "2\n");
    assertThat(left()).isEqualTo(3072 * MB - MARGIN);
  }

  private void process(String addressSpace, String data) throws IOException {
    machine(20_000);
    write(
        "proc/self/limits",
        """
        Limit                     Soft Limit           Hard Limit           Units
        Max cpu time              unlimited            unlimited            seconds
        Max data size             %-20s unlimited            bytes
        Max address space         %-20s unlimited            bytes
        """
            .formatted(data, addressSpace));
    write(
        "proc/self/status",
        "Name:\tjava\nVmPeak:\t99 kB\nVmSize:\t %d kB\nVmData:\t %d kB\n"
            .formatted(6000 << 10, 2000 << 10));
  }

  @Test
  void left_underALimitOfTheAddressSpace_isWhatItLeaves() throws IOException {
    process(Long.toString(9000 * MB), "unlimited");
    assertThat(left()).isEqualTo(3000 * MB - MARGIN);
  }

  @Test
  void left_underALimitOfTheData_isWhatItLeaves() throws IOException {
    process("unlimited", Long.toString(2500 * MB));
    assertThat(left()).isEqualTo(500 * MB - MARGIN);
  }

  @Test
  void left_ofAProcessWithoutLimits_isTheMachines() throws IOException {
    process("unlimited", "unlimited");
    assertThat(left()).isEqualTo(20_000 * MB - MARGIN);
  }

  @Test
  void left_inAGroupOfVersion1_countsCacheThatGivesWay() throws IOException {
    machine(20_000);
    v1("/service/a", "/");
    v1Group("", UNLIMITED_V1, 5000, 0);
    v1Group("service", UNLIMITED_V1, 900, 0);
    v1Group("service/a", 1500 * MB + "\n", 900, 300);
    assertThat(left()).isEqualTo((1500 - 600) * MB - MARGIN);
  }

  @Test
  void left_whereAGroupAboveIsTighter_isThatOnes() throws IOException {
    machine(20_000);
    v1("/service/a", "/");
    v1Group("", UNLIMITED_V1, 5000, 0);
    v1Group("service", 2000 * MB + "\n", 1700, 0);
    v1Group("service/a", 1500 * MB + "\n", 900, 300);
    assertThat(left()).isEqualTo(300 * MB - MARGIN);
  }

  @Test
  void left_inAContainerThatSeesItsOwnGroupAlone_isThatOnes() throws IOException {
    machine(20_000);
    v1("/docker/0123", "/docker/0123");
    v1Group("", 4000 * MB + "\n", 1000, 0);
    assertThat(left()).isEqualTo(3000 * MB - MARGIN);
  }

  @Test
  void left_inAContainerWhoseGroupLiesElsewhere_isThatOfWhatIsMounted() throws IOException {
    machine(20_000);
    v2("/../../kubepods/pod7", "/");
    v2Group("", Long.toString(4000 * MB), 1000, 0);
    assertThat(left()).isEqualTo(3000 * MB - MARGIN);
  }

  @Test
  void left_inAGroupOfVersion2BelowTheRoot_isThatOnes() throws IOException {
    machine(20_000);
    v2("/system.slice/app.service", "/");
    v2Group("system.slice", "max", 5000, 0);
    v2Group("system.slice/app.service", Long.toString(2000 * MB), 1900, 400);
    assertThat(left()).isEqualTo(500 * MB - MARGIN);
  }

  @Test
  void left_whereAGroupOfVersion2AboveIsTighter_isThatOnes() throws IOException {
    machine(20_000);
    v2("/user.slice/app.scope", "/");
    v2Group("user.slice", Long.toString(1000 * MB), 700, 0);
    v2Group("user.slice/app.scope", "max", 500, 0);
    assertThat(left()).isEqualTo(300 * MB - Math.min(MARGIN, 1000 * MB / 16));
  }

  @Test
  void left_ofAGroupThatIsFull_isNothing() throws IOException {
    machine(20_000);
    v2("/", "/");
    v2Group("", Long.toString(1000 * MB), 1100, 0);
    assertThat(left()).isZero();
  }

  @Test
  void left_withFilesThatHoldSomethingElse_hasNoLimit() throws IOException {
    write("proc/self/cgroup", "0\n::\n4:memory\n0::/a\n");
    write("proc/self/mountinfo", "1 2\n - cgroup2\n29 22 0:26 / /sys - cgroup2\n\n");
    write("proc/self/limits", "Max address space\nMax data size  many\n");
    write("proc/meminfo", "MemAvailable:\nMemAvailable: x kB\n");
    write("sys/a/memory.max", "much");
    assertThat(left()).isEqualTo(Long.MAX_VALUE);
  }
}
