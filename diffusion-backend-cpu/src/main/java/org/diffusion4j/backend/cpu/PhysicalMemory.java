package org.diffusion4j.backend.cpu;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/**
 * Limits the process's resident memory to what the container or the machine has.
 *
 * <p>Close to the limit JavaCPP frees arrays that nothing refers to any more, before it refuses an
 * allocation. Its own limit is four times the heap, which can exceed a container's memory; then the
 * system kills the process before JavaCPP frees anything.
 */
final class PhysicalMemory {

  private static final String PROPERTY = "org.bytedeco.javacpp.maxphysicalbytes";

  /** Left to the system's own accounting, and to memory that JavaCPP does not allocate. */
  private static final long MARGIN = 64L << 20;

  private static final int MARGIN_PART = 16;
  private static final int HEAPS = 4;

  private PhysicalMemory() {}

  /** Sets the limit, unless the user has set one or JavaCPP's own is lower. */
  static void limit() {
    if (System.getProperty(PROPERTY) != null
        || System.getProperty("org.bytedeco.javacpp.maxPhysicalBytes") != null
        || System.getProperty("org.bytedeco.javacpp.maxbytes") != null
        || System.getProperty("org.bytedeco.javacpp.maxBytes") != null) {
      return;
    }
    try {
      // In a container it is the container's limit.
      long total =
          ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
      long limit = limit(total, Runtime.getRuntime().maxMemory());
      if (limit > 0) {
        System.setProperty(PROPERTY, String.valueOf(limit));
      }
    } catch (LinkageError noSuchBean) {
      // JavaCPP's own limit stays.
    }
  }

  /**
   * The limit in bytes; 0 for JavaCPP's own.
   *
   * @param total memory of the container or the machine; not positive if unknown
   * @param heap maximum size of the heap
   */
  static long limit(long total, long heap) {
    long limit = total - Math.min(MARGIN, total / MARGIN_PART);
    return limit > 0 && limit / HEAPS < heap ? limit : 0;
  }
}
