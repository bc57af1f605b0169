package org.diffusion4j.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * The measurement of a contestant's process.
 *
 * @param medianMs the median step
 * @param minMs the shortest step
 * @param steps number of timed steps
 * @param peakMb peak resident memory of the process
 * @param parameters number of parameters of the network
 */
record Measurement(double medianMs, double minMs, int steps, double peakMb, long parameters) {

  private static final String PREFIX = "measured ";

  /** The measurement as a line; {@link #isLine} recognises and {@link #parse} reads it. */
  String line() {
    return String.format(
        Locale.ROOT,
        PREFIX + "median_ms=%.3f min_ms=%.3f steps=%d peak_mb=%.1f parameters=%d",
        medianMs,
        minMs,
        steps,
        peakMb,
        parameters);
  }

  static boolean isLine(String line) {
    return line.startsWith(PREFIX);
  }

  static Measurement parse(String line) {
    Map<String, String> fields =
        Arrays.stream(line.substring(PREFIX.length()).split(" "))
            .map(field -> field.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
    return new Measurement(
        Double.parseDouble(fields.getOrDefault("median_ms", "")),
        Double.parseDouble(fields.getOrDefault("min_ms", "")),
        Integer.parseInt(fields.getOrDefault("steps", "")),
        Double.parseDouble(fields.getOrDefault("peak_mb", "")),
        Long.parseLong(fields.getOrDefault("parameters", "")));
  }

  /** The medians of times and peaks over several rounds, and the total number of steps. */
  static Measurement median(List<Measurement> rounds) {
    return new Measurement(
        median(rounds, Measurement::medianMs),
        median(rounds, Measurement::minMs),
        rounds.stream().mapToInt(Measurement::steps).sum(),
        median(rounds, Measurement::peakMb),
        rounds.get(0).parameters);
  }

  private static double median(List<Measurement> rounds, ToDoubleFunction<Measurement> of) {
    return Median.of(rounds.stream().mapToDouble(of).boxed().toList());
  }
}
