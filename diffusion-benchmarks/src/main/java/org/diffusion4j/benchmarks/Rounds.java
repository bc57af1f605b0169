package org.diffusion4j.benchmarks;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Rounds in which contestants alternate, so that a disturbance affects all of them. */
final class Rounds {

  private final Stage stage;
  private final int count;

  /**
   * @param stage runs contestants
   * @param count number of rounds, at least 1
   */
  Rounds(Stage stage, int count) {
    if (count < 1) {
      throw new IllegalArgumentException("rounds must be at least 1 but were " + count);
    }
    this.stage = stage;
    this.count = count;
  }

  /**
   * Compares our network with the peers that support the case.
   *
   * @throws IllegalStateException if the networks have different numbers of parameters
   */
  Comparison compare(Case what, List<Contestant> peers) {
    List<Contestant> contestants = new ArrayList<>(List.of(Contestant.OURS));
    peers.stream().filter(peer -> peer.does(what.mode())).forEach(contestants::add);
    Map<Contestant, List<Measurement>> measured = new EnumMap<>(Contestant.class);
    for (int round = 0; round < count; round++) {
      for (Contestant contestant : contestants) {
        measured
            .computeIfAbsent(contestant, absent -> new ArrayList<>())
            .add(stage.run(contestant, what));
      }
    }
    Map<Contestant, Measurement> medians = new EnumMap<>(Contestant.class);
    measured.forEach((contestant, rounds) -> medians.put(contestant, Measurement.median(rounds)));
    return Comparison.of(what, medians);
  }
}
