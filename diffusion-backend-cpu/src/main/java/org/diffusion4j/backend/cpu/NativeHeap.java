package org.diffusion4j.backend.cpu;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;

/**
 * Tells glibc to give large arrays back to the system when they are freed.
 *
 * <p>ND4J allocates and frees an array for almost every operation. glibc at first maps large blocks
 * one by one, but stops doing so once one has been freed, and then keeps them in heaps that grow
 * for ever: freeing 3,000 arrays of 1 MB in turn leaves 2 GB resident. A fixed threshold keeps it
 * at mapping.
 */
final class NativeHeap {

  private static final int M_MMAP_THRESHOLD = -3;

  /** Smaller blocks are worth keeping: mapping them anew costs more than what is done with them. */
  private static final int THRESHOLD = 1 << 20;

  private NativeHeap() {}

  /** Fixes the threshold, unless the user has, or the C library is another. */
  static void keepSmall() {
    boolean linux = System.getProperty("os.name", "").startsWith("Linux");
    if (linux && System.getenv("MALLOC_MMAP_THRESHOLD_") == null) {
      try {
        Function mallopt = NativeLibrary.getInstance("c").getFunction("mallopt");
        mallopt.invokeInt(new Object[] {M_MMAP_THRESHOLD, THRESHOLD});
      } catch (LinkageError noSuchFunction) {
        // Another C library has other habits, and does not need this.
      }
    }
  }
}
