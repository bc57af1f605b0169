package org.diffusion4j.internal.common;

import java.nio.file.Path;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;

/**
 * Checks every native allocation whose size is determined by a caller or a file. It knows all
 * limits that would end the process, and refuses an allocation beforehand.
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
   * Reserves memory for a large allocation, so that other threads do not count on it.
   *
   * @param what as in {@link #require(String, long)}
   * @return to be closed when the memory has been written to
   * @throws IllegalStateException as {@link #require(String, long)}
   */
  public static MemoryLedger.Claim claim(String what, long bytes) {
    return ledger()
        .claim(bytes)
        .orElseThrow(() -> new MemoryRefusedException(refusal(what, bytes, available())));
  }

  /**
   * Checks that there is enough memory.
   *
   * @param what it is for, as in {@code memory for <what> must be at least ...}
   * @param bytes number of bytes needed; {@link Long#MAX_VALUE} if it exceeds a long
   * @throws IllegalStateException naming both numbers if not
   */
  public static void require(String what, long bytes) {
    claim(what, bytes).close();
  }

  /**
   * Checks that there is enough memory for a number of items of equal size. The message says how
   * many would fit.
   *
   * @param what they are, as in {@code memory for 100 <what> must be at least ...}
   * @param count number of items, at least 0
   * @param bytesEach at least 1
   * @param fixed additional bytes
   * @throws IllegalStateException if not, with both numbers and the count that would fit
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

  /** The message if memory is refused. */
  public static String refusal(String what, long needed, long available) {
    return "memory for "
        + what
        + " must be at least "
        + megabytes(needed)
        + " but "
        + megabytes(available)
        + " are available";
  }

  /** A number of bytes as text, rounded up, such as {@code 12 MB}. */
  public static String megabytes(long bytes) {
    return (bytes / (1 << 20) + (bytes % (1 << 20) == 0 ? 0 : 1)) + " MB";
  }
}
