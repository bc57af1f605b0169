package org.diffusion4j.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A benchmark case.
 *
 * @param net the network
 * @param mode predictions or training steps
 * @param batch batch size
 * @param threads number of computing threads
 * @param precision precision of our network
 * @param seconds duration of the timed steps, after the warm-up
 */
record Case(Net net, Mode mode, int batch, int threads, ComputeType precision, double seconds) {

  Case with(Net other) {
    return new Case(other, mode, batch, threads, precision, seconds);
  }

  Case withMode(Mode other) {
    return new Case(net, other, batch, threads, precision, seconds);
  }

  Case withBatch(int samples) {
    return new Case(net, mode, samples, threads, precision, seconds);
  }

  Case withThreads(int count) {
    return new Case(net, mode, batch, count, precision, seconds);
  }

  /** The case as arguments of a contestant's program. */
  List<String> toArguments() {
    return List.of(
        mode.name(),
        String.valueOf(batch),
        String.valueOf(threads),
        precision.name(),
        String.valueOf(seconds),
        net.name(),
        String.valueOf(net.size()),
        String.valueOf(net.channels()),
        String.valueOf(net.base()),
        net.mult().stream().map(String::valueOf).collect(Collectors.joining(",")),
        String.valueOf(net.takesText()));
  }

  /** Parses the result of {@link #toArguments()}; ignores further arguments. */
  static Case parse(String... arguments) {
    List<Integer> mult = Arrays.stream(arguments[9].split(",")).map(Integer::valueOf).toList();
    Net net =
        new Net(
            arguments[5],
            Integer.parseInt(arguments[6]),
            Integer.parseInt(arguments[7]),
            Integer.parseInt(arguments[8]),
            mult,
            Boolean.parseBoolean(arguments[10]));
    return new Case(
        net,
        Mode.valueOf(arguments[0]),
        Integer.parseInt(arguments[1]),
        Integer.parseInt(arguments[2]),
        ComputeType.valueOf(arguments[3]),
        Double.parseDouble(arguments[4]));
  }
}
