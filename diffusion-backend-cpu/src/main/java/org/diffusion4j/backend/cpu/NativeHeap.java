package org.diffusion4j.backend.cpu;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;

/**
 * Makes glibc return large arrays to the system when they are freed.
 *
 * <p>ND4J allocates and frees an array for almost every operation. glibc at first maps each large
 * block separately, but stops when one has been freed, and then keeps blocks in heaps that grow
 * without limit: freeing 3,000 arrays of 1 MB one after another leaves 2 GB resident. With a fixed
 * threshold it continues mapping.
 */
final class NativeHeap {

  private static final int M_MMAP_THRESHOLD = -3;

  /** Smaller blocks are kept, because mapping them costs more than using them. */
  private static final int THRESHOLD = 1 << 20;

  private NativeHeap() {}

  /** Sets the threshold, unless the user has set it or the C library is not glibc. */
  static void keepSmall() {
    boolean linux = System.getProperty("os.name", "").startsWith("Linux");
    if (linux && System.getenv("MALLOC_MMAP_THRESHOLD_") == null) {
      try {
        Function mallopt = NativeLibrary.getInstance("c").getFunction("mallopt");
        mallopt.invokeInt(new Object[] {M_MMAP_THRESHOLD, THRESHOLD});
      } catch (LinkageError noSuchFunction) {
        // Other C libraries do not need this.
      }
    }
  }
}
