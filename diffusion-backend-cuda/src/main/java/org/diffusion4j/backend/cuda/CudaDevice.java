package org.diffusion4j.backend.cuda;

import java.util.List;
import java.util.Optional;

/**
 * A GPU as CUDA reports it.
 *
 * @param name for example {@code NVIDIA GeForce RTX 3060}
 * @param major the compute capability before the dot
 * @param minor the compute capability after the dot
 */
record CudaDevice(String name, int major, int minor) {

  private static final String BACKEND = "nd4j-cuda-11.6";

  private static final String SERVED = "compute capability 3.7 or from 5.0 to 8.9";

  /**
   * Whether the backend contains machine code for this device.
   *
   * <p>It was compiled for 3.7, 5.0, 5.2, 6.0, 6.1, 7.0, 7.5, 8.0 and 8.6, without PTX. Code for
   * X.y runs on every X.z with z at least y.
   */
  boolean isServed() {
    return switch (major) {
      case 3 -> minor >= 7;
      case 5, 6, 7, 8 -> true;
      default -> false;
    };
  }

  /** The error message for these visible devices; empty if all are supported. */
  static Optional<String> refusal(List<CudaDevice> devices) {
    if (devices.isEmpty()) {
      return Optional.of(refusal("no NVIDIA GPU was found"));
    }
    List<String> unserved =
        devices.stream().filter(device -> !device.isServed()).map(CudaDevice::toString).toList();
    if (unserved.isEmpty()) {
      return Optional.empty();
    }
    String hint = unserved.size() < devices.size() ? " (CUDA_VISIBLE_DEVICES can hide it)" : "";
    return Optional.of(
        "%s cannot run on %s%s: it holds machine code for %s only"
            .formatted(BACKEND, String.join(", ", unserved), hint, SERVED));
  }

  /** The error message if the devices cannot be listed. */
  static String refusal(String reason) {
    return "%s cannot run on this machine: %s, but it needs an NVIDIA GPU of %s and its driver"
        .formatted(BACKEND, reason, SERVED);
  }

  @Override
  public String toString() {
    return "%s (compute capability %d.%d)".formatted(name, major, minor);
  }
}
