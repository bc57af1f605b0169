package org.diffusion4j.internal.common;

import java.nio.file.Path;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;

/**
 * The gate before every native allocation whose size a caller or a file decides: it knows every
 * limit that would end the process, and refuses before anything is taken.
 */
public final class NativeMemory {

  private NativeMemory() {}

  private static final class Shared {
    static final MemoryLimits LIMITS = new MemoryLimits(Path.of("/"));
    static final MemoryLedger LEDGER = new MemoryLedger(NativeMemory::left);
  }

  /** The claims of this process. */
  public static MemoryLedger ledger() {
    return Shared.LEDGER;
  }

  /** Bytes that can still be allocated. */
  public static long available() {
    return ledger().available();
  }

  private static long left() {
    Backend.start();
    long limit = Pointer.maxPhysicalBytes();
    long left =
        limit > 0
            ? MemoryLimits.lessMargin(limit - Pointer.physicalBytes(), limit)
            : Long.MAX_VALUE;
    return Math.min(left, Shared.LIMITS.left());
  }

  /**
   * Claims memory, for who takes so much that others could be promised the same at the same time.
   *
   * @param what as in {@link #require(String, long)}
   * @return to be closed once the memory was written to
   * @throws IllegalStateException as {@link #require(String, long)}
   */
  public static MemoryLedger.Claim claim(String what, long bytes) {
    return ledger()
        .claim(bytes)
        .orElseThrow(() -> new MemoryRefusedException(refusal(what, bytes, available())));
  }

  /**
   * Checks that memory is there.
   *
   * @param what it is for, as in {@code memory for <what> must be at least ...}
   * @param bytes that are needed; {@link Long#MAX_VALUE} if the number is larger than a long
   * @throws IllegalStateException naming both numbers if not
   */
  public static void require(String what, long bytes) {
    claim(what, bytes).close();
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
    long needed = sum(product(count, bytesEach), fixed);
    Optional<MemoryLedger.Claim> claim = ledger().claim(needed);
    if (claim.isEmpty()) {
      long available = available();
      long fits = Math.max(0, available - fixed) / bytesEach;
      throw new MemoryRefusedException(
          refusal(count + " " + what, needed, available)
              + (fits > 0 ? "; " + fits + " would fit" : "; not even 1 would fit"));
    }
    claim.get().close();
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

  /** What is said where memory is refused. */
  public static String refusal(String what, long needed, long available) {
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
}
