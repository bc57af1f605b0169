package org.diffusion4j.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.math3.stat.regression.OLSMultipleLinearRegression;

/**
 * The pictures of persons in five skin tones, where one tone of a person may be missing. A stand-in
 * takes its place: each colour of a pixel is a linear function of the pixel's colours in the other
 * four tones, fitted to the persons that have all five. (A pixel is a mixture of skin and other
 * things, and only the skin's colours differ between the tones.)
 */
final class TonePictures {

  private static final int TONES = TonedText.TONES.size();
  private static final int COLOURS = 3;

  /** As many of the persons are used for a fit, so that it takes seconds. */
  private static final int MOST_FITTED = 60;

  private final Map<String, double[][]> complete = new LinkedHashMap<>();
  private final List<TonedText> missing = new ArrayList<>();

  /**
   * @param texts of the pictures
   * @param pictures one a row, red, green and blue one after the other
   */
  TonePictures(List<String> texts, double[][] pictures) {
    Map<String, double[][]> persons = new LinkedHashMap<>();
    for (int i = 0; i < pictures.length; i++) {
      double[] picture = pictures[i];
      TonedText.of(texts.get(i))
          .ifPresent(
              toned ->
                  persons.computeIfAbsent(toned.concept(), c -> new double[TONES][])[toned.tone()] =
                      picture);
    }
    persons.values().removeIf(person -> absent(person).size() > 1);
    List<double[][]> whole =
        persons.values().stream().filter(p -> absent(p).isEmpty()).limit(MOST_FITTED).toList();
    Map<Integer, double[][]> fits = new LinkedHashMap<>();
    persons.forEach(
        (concept, person) -> {
          for (int tone : absent(person)) {
            missing.add(new TonedText(concept, tone));
            double[][] fit = fits.computeIfAbsent(tone, t -> fit(whole, t));
            person[tone] = standIn(person, tone, fit);
          }
          complete.put(concept, person);
        });
  }

  private static List<Integer> absent(double[][] person) {
    List<Integer> absent = new ArrayList<>();
    for (int tone = 0; tone < TONES; tone++) {
      if (person[tone] == null) {
        absent.add(tone);
      }
    }
    return absent;
  }

  /** The tones that are missing of persons whose other four tones exist. */
  List<TonedText> missing() {
    return missing;
  }

  /** The tone of a person's picture, or its stand-in, that is nearest to a picture. */
  int nearestTone(String concept, double[] picture) {
    double[][] person = complete.get(concept);
    if (person == null) {
      throw new IllegalArgumentException("no person with four tones is named " + concept);
    }
    return Nearest.of(person, picture);
  }

  /** The coefficients of each colour: a constant, then those of the other tones' colours. */
  static double[][] fit(List<double[][]> persons, int tone) {
    List<double[]> from = new ArrayList<>();
    List<double[]> to = new ArrayList<>();
    for (double[][] person : persons) {
      for (int pixel = 0; pixel < person[tone].length / COLOURS; pixel++) {
        from.add(others(person, tone, pixel));
        to.add(colours(person[tone], pixel));
      }
    }
    // Pixels that are the same in all tones alone would leave some coefficients open.
    for (int i = 0; i <= (TONES - 1) * COLOURS; i++) {
      double[] weak = new double[(TONES - 1) * COLOURS];
      if (i > 0) {
        weak[i - 1] = 1e-3;
      }
      from.add(weak);
      to.add(new double[COLOURS]);
    }
    double[][] fit = new double[COLOURS][];
    double[][] rows = from.toArray(double[][]::new);
    for (int colour = 0; colour < COLOURS; colour++) {
      int which = colour;
      var regression = new OLSMultipleLinearRegression();
      regression.newSampleData(to.stream().mapToDouble(c -> c[which]).toArray(), rows);
      fit[colour] = regression.estimateRegressionParameters();
    }
    return fit;
  }

  static double[] standIn(double[][] person, int tone, double[][] fit) {
    double[] any = Arrays.stream(person).filter(p -> p != null).findFirst().orElseThrow();
    int pixels = any.length / COLOURS;
    double[] picture = new double[any.length];
    for (int pixel = 0; pixel < pixels; pixel++) {
      double[] others = others(person, tone, pixel);
      for (int colour = 0; colour < COLOURS; colour++) {
        double value = fit[colour][0];
        for (int i = 0; i < others.length; i++) {
          value += fit[colour][i + 1] * others[i];
        }
        picture[colour * pixels + pixel] = Math.min(1, Math.max(0, value));
      }
    }
    return picture;
  }

  private static double[] others(double[][] person, int tone, int pixel) {
    double[] others = new double[(TONES - 1) * COLOURS];
    int at = 0;
    for (int other = 0; other < TONES; other++) {
      if (other != tone) {
        System.arraycopy(colours(person[other], pixel), 0, others, at, COLOURS);
        at += COLOURS;
      }
    }
    return others;
  }

  private static double[] colours(double[] picture, int pixel) {
    int pixels = picture.length / COLOURS;
    return new double[] {picture[pixel], picture[pixels + pixel], picture[2 * pixels + pixel]};
  }
}
