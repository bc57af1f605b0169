package org.diffusion4j.internal.common;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.Pointer;

/**
 * The gate before every native allocation whose size a caller or a file decides: it knows every
 * limit that would end the process, and refuses before anything is taken.
 */
public final class NativeMemory {

  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path GROUP = Path.of("/sys/fs/cgroup");
  private static final String AVAILABLE = "MemAvailable:";

  private NativeMemory() {}

  /** Bytes that can still be allocated. */
  public static long available() {
    long limit = Pointer.maxPhysicalBytes();
    long left = limit > 0 ? Math.max(0, limit - Pointer.physicalBytes()) : Long.MAX_VALUE;
    return Math.min(left, Math.min(ofMachine(), ofGroup()));
  }

  /**
   * Checks that memory is there.
   *
   * @param what it is for, as in {@code memory for <what> must be at least ...}
   * @param bytes that are needed; {@link Long#MAX_VALUE} if the number is larger than a long
   * @throws IllegalStateException naming both numbers if not
   */
  public static void require(String what, long bytes) {
    long available = available();
    if (bytes > available) {
      throw new IllegalStateException(refusal(what, bytes, available));
    }
  }

  /**
   * Checks that memory for a number of equal things is there, and says how many would fit.
   *
   * @param what they are, as in {@code memory for 100 <what> must be at least ...}
   * @param count of them, at least 0
   * @param bytesEach at least 1
   * @param fixed bytes beside them
   * @throws IllegalStateException naming both numbers and the count that would fit if not
   */
  public static void require(String what, long count, long bytesEach, long fixed) {
    long available = available();
    long needed = sum(product(count, bytesEach), fixed);
    if (needed > available) {
      long fits = Math.max(0, available - fixed) / bytesEach;
      throw new IllegalStateException(
          refusal(count + " " + what, needed, available)
              + (fits > 0 ? "; " + fits + " would fit" : "; not even 1 would fit"));
    }
  }

  /** The product of lengths and a width in bytes, or {@link Long#MAX_VALUE} if it is larger. */
  public static long product(long... factors) {
    long product = 1;
    for (long factor : factors) {
      if (factor == 0) {
        return 0;
      }
      product = product > Long.MAX_VALUE / factor ? Long.MAX_VALUE : product * factor;
    }
    return product;
  }

  /** The sum, or {@link Long#MAX_VALUE} if it is larger. */
  public static long sum(long a, long b) {
    return a > Long.MAX_VALUE - b ? Long.MAX_VALUE : a + b;
  }

  private static String refusal(String what, long needed, long available) {
    return "memory for "
        + what
        + " must be at least "
        + megabytes(needed)
        + " but "
        + megabytes(available)
        + " are available";
  }

  /** Rounded up, such as {@code 12 MB}. */
  public static String megabytes(long bytes) {
    return (bytes / (1 << 20) + (bytes % (1 << 20) == 0 ? 0 : 1)) + " MB";
  }

  private static long ofMachine() {
    try {
      // Unlike what is free, this counts the page cache, which gives way.
      for (String line : Files.readAllLines(MEMINFO)) {
        if (line.startsWith(AVAILABLE)) {
          return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
    } catch (IOException e) {
      // Not Linux.
    }
    // macOS counts as free only what it never used.
    return System.getProperty("os.name", "").startsWith("Windows")
        ? ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getFreeMemorySize()
        : Long.MAX_VALUE;
  }

  /** What the limit of a container leaves, if there is one. */
  private static long ofGroup() {
    try {
      String limit = Files.readString(GROUP.resolve("memory.max")).strip();
      String used = Files.readString(GROUP.resolve("memory.current")).strip();
      return limit.equals("max")
          ? Long.MAX_VALUE
          : Math.max(0, Long.parseLong(limit) - Long.parseLong(used));
    } catch (IOException | NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }
}
