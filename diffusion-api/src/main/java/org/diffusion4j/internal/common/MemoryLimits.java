package org.diffusion4j.internal.common;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/**
 * The limits of this process's memory: of the machine, of the process ({@code ulimit -v} and {@code
 * -d}) and of its control groups. The locations of the limits do not change and are determined
 * once.
 */
final class MemoryLimits {

  /** A reserve for the JVM, because the system kills a process that exceeds its limit. */
  private static final long MARGIN = 64L << 20;

  private static final long MARGIN_PART = 16;
  private static final String ADDRESS_SPACE = "Max address space";
  private static final String DATA = "Max data size";

  private final SystemFile meminfo;
  private final SystemFile status;
  private final ControlGroups groups;
  private final long addressSpace;
  private final long data;
  private final boolean commitIsLimited;

  /**
   * @param root of the file system
   */
  MemoryLimits(Path root) {
    Path proc = root.resolve("proc");
    meminfo = new SystemFile(proc.resolve("meminfo"));
    status = new SystemFile(proc.resolve("self/status"));
    groups = ControlGroups.find(root);
    List<String> limits = new SystemFile(proc.resolve("self/limits")).lines();
    addressSpace = soft(limits, ADDRESS_SPACE);
    data = soft(limits, DATA);
    commitIsLimited =
        new SystemFile(proc.resolve("sys/vm/overcommit_memory")).lines().equals(List.of("2"));
  }

  /** Bytes that can be allocated without an error and without being killed. */
  long left() {
    return Math.min(Math.min(ofMachine(), ofProcess()), groups.left());
  }

  private long ofMachine() {
    List<String> info = meminfo.lines();
    // Unlike MemFree, this includes the page cache, which the system frees on demand.
    OptionalLong available = SystemFile.number(info, "MemAvailable:");
    if (available.isEmpty()) {
      // macOS counts as free only memory that was never used.
      return System.getProperty("os.name", "").startsWith("Windows")
          ? ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getFreeMemorySize()
          : Long.MAX_VALUE;
    }
    long total = SystemFile.number(info, "MemTotal:").orElse(Long.MAX_VALUE);
    long left = lessMargin(available.getAsLong(), total);
    if (commitIsLimited) {
      long limit = SystemFile.number(info, "CommitLimit:").orElse(Long.MAX_VALUE);
      left =
          Math.min(
              left, lessMargin(limit - SystemFile.number(info, "Committed_AS:").orElse(0), limit));
    }
    return left;
  }

  private long ofProcess() {
    if (addressSpace == Long.MAX_VALUE && data == Long.MAX_VALUE) {
      return Long.MAX_VALUE;
    }
    List<String> now = status.lines();
    return Math.min(
        leftOf(addressSpace, SystemFile.number(now, "VmSize:").orElse(0)),
        leftOf(data, SystemFile.number(now, "VmData:").orElse(0)));
  }

  private static long leftOf(long limit, long used) {
    return limit == Long.MAX_VALUE ? limit : lessMargin(limit - used, limit);
  }

  /** The part of the remaining memory that may be reserved. */
  static long lessMargin(long left, long limit) {
    return Math.max(0, left - Math.min(MARGIN, limit / MARGIN_PART));
  }

  /** The soft limit in bytes, {@link Long#MAX_VALUE} if there is none. */
  private static long soft(List<String> limits, String name) {
    for (String line : limits) {
      if (line.startsWith(name)) {
        return SystemFile.first(line.substring(name.length())).orElse(Long.MAX_VALUE);
      }
    }
    return Long.MAX_VALUE;
  }
}
