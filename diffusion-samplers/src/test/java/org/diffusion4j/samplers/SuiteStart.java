package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.SchedulerConfig;

/**
 * Where a loop of the suite starts, as its text says: a sum of a sample and of noise, each perhaps
 * scaled, such as {@code x = dummy_sample_deter*sigmas[0] + dummy_noise_deter*sigmas[8]}.
 *
 * @param skipped how many calls of the denoiser are left out
 * @param sample the share of the sample
 * @param noise the share of the noise
 */
record SuiteStart(int skipped, double sample, double noise) {

  private static final String NUMBER = "(\\d+(?:\\.\\d*)?(?:e-?\\d+)?)";
  private static final Pattern NOISED = Pattern.compile("add_noise\\((.*)\\)");
  private static final Pattern NOISED_AT = Pattern.compile("\\bt\\s*=\\s*" + NUMBER);
  private static final Pattern PLACE = Pattern.compile("timesteps\\[(\\d+)]");
  private static final Pattern SLICE = Pattern.compile("\\[(\\d+):]");
  private static final Pattern STARTED = Pattern.compile("t_start\\s*=\\s*(\\d+)");
  private static final Pattern SIGMAS = Pattern.compile("sigmas\\[(\\d+)]");
  private static final Pattern SHARE = Pattern.compile("(?:acp|alphas_cumprod)\\[(\\d+)]");
  private static final Pattern ASSIGNED = Pattern.compile("^\\s*\\w+\\s*=\\s*");

  /** What is read as a start that stands in another case's text. */
  private static final Pattern ELSEWHERE = Pattern.compile("^\\s*(?:same\\s+)?as\\b.*");

  /**
   * @param init how the case starts, or null
   * @param loop its loop, or null
   * @param twin how the case starts that this one names instead, or null
   * @param whole all steps
   */
  static SuiteStart of(
      String init, String loop, String twin, SchedulerConfig config, ReferenceSampler whole) {
    String loopText = loop == null ? "" : loop;
    String text = init == null ? "dummy_sample_deter" : init;
    if (ELSEWHERE.matcher(text).matches()) {
      text = twin != null ? twin : usual(loopText, whole);
    }
    Reader reader = new Reader(config, whole, skipped(text, loopText, whole), loopText);
    double[] shares = reader.shares(text);
    return new SuiteStart(reader.skipped, shares[0], shares[1]);
  }

  /** The start of the suite's loops: noised if they start late, and scaled if noise is. */
  private static String usual(String loop, ReferenceSampler whole) {
    boolean late = STARTED.matcher(loop).find() || SLICE.matcher(loop).find();
    if (whole.isUnscaled()) {
      return "dummy_sample_deter*init_noise_sigma" + (late ? " + dummy_noise_deter*sigma" : "");
    }
    return late ? "alpha*dummy_sample_deter + sigma*dummy_noise_deter" : "dummy_sample_deter";
  }

  private static int skipped(String init, String loop, ReferenceSampler whole) {
    Matcher noised = NOISED.matcher(init);
    if (noised.find()) {
      Matcher at = NOISED_AT.matcher(noised.group(1));
      if (at.find()) {
        return whole.indexOf(Double.parseDouble(at.group(1)));
      }
    }
    Matcher slice = SLICE.matcher(loop);
    if (slice.find()) {
      return Integer.parseInt(slice.group(1));
    }
    Matcher started = STARTED.matcher(loop);
    if (started.find()) {
      return whole.callsPerStep() * Integer.parseInt(started.group(1));
    }
    Matcher place = PLACE.matcher(init);
    return place.find() ? Integer.parseInt(place.group(1)) : 0;
  }

  /** Reads sums of products. */
  private static final class Reader {

    private final SchedulerConfig config;
    private final ReferenceSampler whole;
    private final int skipped;
    private final String loop;
    private final Level level;

    Reader(SchedulerConfig config, ReferenceSampler whole, int skipped, String loop) {
      this.config = config;
      this.whole = whole;
      this.skipped = skipped;
      this.loop = loop;
      level = whole.level(skipped);
    }

    double[] shares(String text) {
      // Two spaces begin a remark, " at " says where, and a second equation repeats the first.
      String sum = ASSIGNED.matcher(text).replaceFirst("").split("\\s{2,}| at | = ", 2)[0];
      Matcher noised = NOISED.matcher(sum);
      if (noised.find()) {
        List<String> parts = split(noised.group(1), ',');
        double[] sample = shares(parts.get(0));
        double[] noise = shares(parts.get(1));
        boolean unscaled = whole.isUnscaled();
        double kept = unscaled ? 1 : level.signal();
        double added = unscaled ? level.sigma() : level.noise();
        return new double[] {
          kept * sample[0] + added * noise[0], kept * sample[1] + added * noise[1]
        };
      }
      double[] shares = new double[2];
      for (String term : split(sum, '+')) {
        int which = -1;
        double share = 1;
        for (String factor : split(term, '*')) {
          if (factor.equals("dummy_sample_deter") || factor.equals("x0")) {
            which = 0;
          } else if (factor.equals("dummy_noise_deter") || factor.equals("noise")) {
            which = 1;
          } else {
            share *= value(factor);
          }
        }
        if (which < 0) {
          throw new IllegalArgumentException("start is not supported: " + text);
        }
        shares[which] += share;
      }
      return shares;
    }

    private double value(String factor) {
      if (factor.matches(NUMBER)) {
        return Double.parseDouble(factor);
      }
      Matcher root = Pattern.compile("sqrt\\((.*)\\)").matcher(factor);
      if (root.matches()) {
        return Math.sqrt(value(root.group(1)));
      }
      Matcher oneMore = Pattern.compile(NUMBER + "\\^2\\+1").matcher(factor);
      if (oneMore.matches()) {
        return Math.pow(Double.parseDouble(oneMore.group(1)), 2) + 1;
      }
      if (factor.startsWith("1-")) {
        return 1 - value(factor.substring(2).strip());
      }
      Matcher share = SHARE.matcher(factor);
      if (share.matches()) {
        return config.schedule().alphaBar(Integer.parseInt(share.group(1)));
      }
      Matcher sigma = SIGMAS.matcher(factor);
      if (sigma.matches()) {
        int k = Integer.parseInt(sigma.group(1));
        Matcher started = STARTED.matcher(loop);
        // The start itself may be counted in steps though each calls the denoiser twice.
        boolean start = started.find() && k == Integer.parseInt(started.group(1));
        return start ? level.sigma() : whole.sigmas()[k];
      }
      return switch (factor) {
        case "init_noise_sigma", "scheduler.init_noise_sigma" -> whole.initNoiseSigma();
        case "max(sigmas)", "sigmas.max()", "sigma_max" -> whole.first().sigma();
        case "alpha", "alpha_t" -> level.signal();
        case "sigma", "sigma_t" -> whole.isUnscaled() ? level.sigma() : level.noise();
        default ->
            throw new IllegalArgumentException("factor of a start is not supported: " + factor);
      };
    }

    /** Parts between separators that no parentheses enclose. */
    private static List<String> split(String text, char separator) {
      List<String> parts = new ArrayList<>();
      int depth = 0;
      int from = 0;
      for (int i = 0; i < text.length(); i++) {
        char c = text.charAt(i);
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (c == separator && depth == 0) {
          parts.add(text.substring(from, i).strip());
          from = i + 1;
        }
      }
      parts.add(text.substring(from).strip());
      return parts;
    }
  }
}
