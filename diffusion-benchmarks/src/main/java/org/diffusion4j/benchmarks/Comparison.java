package org.diffusion4j.benchmarks;

import java.util.Comparator;
import java.util.Locale;
import java.util.Map;

/**
 * A comparison of our network with the fastest peer.
 *
 * @param what the case
 * @param ours our measurement
 * @param peer the fastest peer
 * @param theirs the peer's measurement
 */
record Comparison(Case what, Measurement ours, Contestant peer, Measurement theirs) {

  /**
   * The comparison with the fastest peer.
   *
   * @param all the measurements of all contestants, including ours and at least one peer
   * @throws IllegalStateException if the networks have different numbers of parameters
   */
  static Comparison of(Case what, Map<Contestant, Measurement> all) {
    Measurement ours = all.get(Contestant.OURS);
    Map.Entry<Contestant, Measurement> fastest =
        all.entrySet().stream()
            .filter(entry -> entry.getKey() != Contestant.OURS)
            .min(Comparator.comparingDouble(entry -> entry.getValue().medianMs()))
            .orElse(null);
    if (ours == null || fastest == null) {
      throw new IllegalArgumentException(
          "contestants must be ours and a peer but were " + all.keySet());
    }
    all.forEach(
        (contestant, measurement) -> {
          if (measurement.parameters() != ours.parameters()) {
            throw new IllegalStateException(
                "parameters must be as many as ours, %d, but %s has %d"
                    .formatted(ours.parameters(), contestant, measurement.parameters()));
          }
        });
    return new Comparison(what, ours, fastest.getKey(), fastest.getValue());
  }

  /** Our time divided by the peer's. */
  double ratio() {
    return ours.medianMs() / theirs.medianMs();
  }

  /** Our peak of resident memory divided by the peer's. */
  double memoryRatio() {
    return ours.peakMb() / theirs.peakMb();
  }

  /** The comparison as a line of text. */
  String line() {
    return String.format(
        Locale.ROOT,
        "unet %s batch=%d ours_ms=%.1f peer=%s peer_ms=%.1f ratio=%.2f"
            + " ours_peak_mb=%.0f peer_peak_mb=%.0f memory_ratio=%.2f",
        what.mode(),
        what.batch(),
        ours.medianMs(),
        peer,
        theirs.medianMs(),
        ratio(),
        ours.peakMb(),
        theirs.peakMb(),
        memoryRatio());
  }
}
