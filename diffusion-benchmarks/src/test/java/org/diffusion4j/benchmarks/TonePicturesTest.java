package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TonePicturesTest {

  private static final int PIXELS = 20;
  private static final double[][] SKIN = {
    {1, 0.9, 0.7}, {0.9, 0.75, 0.55}, {0.75, 0.58, 0.4}, {0.6, 0.4, 0.25}, {0.35, 0.25, 0.2}
  };

  private final List<String> texts = new ArrayList<>();
  private final List<double[]> pictures = new ArrayList<>();

  /** Twelve persons, mixtures of skin and other things; the last one lacks a tone. */
  @BeforeEach
  void draw() {
    for (int person = 0; person < 12; person++) {
      for (int tone = 0; tone < SKIN.length; tone++) {
        if (person < 11 || tone != 3) {
          texts.add(new TonedText("person " + person, tone).text());
          pictures.add(picture(person, tone));
        }
      }
    }
    texts.add("light bulb");
    pictures.add(new double[3 * PIXELS]);
  }

  private static double[] picture(int person, int tone) {
    var random = new SplittableRandom(person);
    double[] picture = new double[3 * PIXELS];
    for (int pixel = 0; pixel < PIXELS; pixel++) {
      double skin = random.nextDouble();
      for (int colour = 0; colour < 3; colour++) {
        picture[colour * PIXELS + pixel] =
            skin * SKIN[tone][colour] + (1 - skin) * random.nextDouble();
      }
    }
    return picture;
  }

  private TonePictures persons() {
    return new TonePictures(texts, pictures.toArray(double[][]::new));
  }

  @Test
  void missing_areTheTonesThatWerePutAside() {
    assertThat(persons().missing()).containsExactly(new TonedText("person 11", 3));
  }

  @Test
  void standIn_isThePictureThatIsMissing() {
    List<double[][]> whole = new ArrayList<>();
    for (int person = 0; person < 11; person++) {
      double[][] tones = new double[5][];
      for (int tone = 0; tone < 5; tone++) {
        tones[tone] = picture(person, tone);
      }
      whole.add(tones);
    }
    double[][] lacking = {picture(11, 0), picture(11, 1), picture(11, 2), null, picture(11, 4)};
    assertThat(TonePictures.standIn(lacking, 3, TonePictures.fit(whole, 3)))
        .containsExactly(picture(11, 3), within(0.01));
  }

  @Test
  void nearestTone_findsEachTone_alsoTheMissingOne() {
    TonePictures persons = persons();
    for (int tone = 0; tone < 5; tone++) {
      assertThat(persons.nearestTone("person 11", picture(11, tone))).isEqualTo(tone);
      assertThat(persons.nearestTone("person 2", picture(2, tone))).isEqualTo(tone);
    }
  }

  @Test
  void unknownPersonsAreNamed() {
    assertThatThrownBy(() -> persons().nearestTone("bulb", new double[3 * PIXELS]))
        .hasMessage("no person with four tones is named bulb");
  }

  @Test
  void nearest_isTheFirstOfTheNearest() {
    double[][] rows = {{0, 0}, {1, 1}, {1, 1}, {5, 5}};
    assertThat(Nearest.of(rows, new double[] {0.9, 1.2})).isEqualTo(1);
    assertThat(Nearest.of(rows, new double[] {9, 9})).isEqualTo(3);
  }
}
