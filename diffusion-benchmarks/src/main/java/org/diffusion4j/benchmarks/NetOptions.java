package org.diffusion4j.benchmarks;

import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that select networks: a name, and changed settings. */
final class NetOptions {

  /** A network by its name. */
  enum Named {
    STANDARD,
    FASHION,
    CIFAR,
    STABLE_DIFFUSION,
    ALL
  }

  @Option(
      names = "--net",
      defaultValue = "STANDARD",
      description =
          "standard (32x32x1, base 32), fashion (28x28x1, base 32), cifar (32x32x3, base 64), all"
              + " of these, or stable-diffusion (64x64x4, base 320); default standard.")
  private Named named = Named.STANDARD;

  @Option(
      names = "--size",
      converter = AtLeastOne.class,
      description = "Height and width of the images, instead of the net's.")
  private @Nullable Integer size;

  @Option(
      names = "--channels",
      converter = AtLeastOne.class,
      description = "Channels of the images, instead of the net's.")
  private @Nullable Integer channels;

  @Option(
      names = "--base",
      converter = AtLeastOne.class,
      description = "Channels of the first level, instead of the net's.")
  private @Nullable Integer base;

  @Option(
      names = "--mult",
      split = ",",
      converter = AtLeastOne.class,
      description = "Multiples of base, one a level, instead of the net's.")
  private @Nullable List<Integer> mult;

  /** The selected networks. */
  List<Net> nets() {
    List<Net> chosen =
        switch (named) {
          case STANDARD -> List.of(Net.STANDARD);
          case FASHION -> List.of(Net.FASHION);
          case CIFAR -> List.of(Net.CIFAR);
          case STABLE_DIFFUSION -> List.of(Net.STABLE_DIFFUSION);
          case ALL -> List.of(Net.STANDARD, Net.FASHION, Net.CIFAR);
        };
    return chosen.stream().map(this::changed).toList();
  }

  private Net changed(Net net) {
    Net changed =
        new Net(
            net.name(),
            size == null ? net.size() : size,
            channels == null ? net.channels() : channels,
            base == null ? net.base() : base,
            mult == null ? net.mult() : mult,
            net.takesText());
    changed.config(); // Refuses what no contestant could build.
    return changed;
  }
}
