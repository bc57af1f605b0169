package org.diffusion4j.examples.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The page in a real browser. */
class BrowserTest {

  private static final SlowModel SLOW = new SlowModel(Duration.ofMillis(100));

  private static TestService service;
  private static Browser browser;

  @BeforeAll
  static void start() throws Exception {
    assumeTrue(Browser.isInstalled(), "chromium and chromedriver must be on the PATH but are not");
    service =
        new TestService(
            TestService.ofClasses("shapes", TestService.untrained(), TestService.CLASSES), SLOW);
    browser = Browser.start();
  }

  @AfterAll
  static void stop() throws Exception {
    if (browser != null) {
      browser.close();
    }
    if (service != null) {
      service.close();
    }
  }

  @BeforeEach
  void open() throws Exception {
    browser.open("http://127.0.0.1:" + service.port() + "/");
    browser.await("document.getElementById('state-text').textContent === 'Ready'");
    browser.script("document.getElementById('steps').value = 3");
  }

  private static void drawFour() throws Exception {
    browser.click("#classes label:nth-child(2)");
    browser.fill("#seed", "7");
    browser.click("#go");
    browser.await("document.querySelectorAll('#grid .tile:not([disabled])').length === 4");
  }

  /** The picture that an image of the page shows. */
  private static BufferedImage shown(String selector) throws Exception {
    String source = browser.text("document.querySelector('" + selector + "').src");
    return TestService.decoded(source.substring(source.indexOf(',') + 1));
  }

  @Test
  void draw_showsThePicturesOfTheService_andTellsTheirSeeds() throws Exception {
    drawFour();
    byte[] answer =
        service
            .post(
                TestService.GENERATE,
                "{\"class\": 1, \"steps\": 3, \"seed\": 8, \"sampler\": \"dpm++2m\"}")
            .body();
    assertThat(TestService.pixels(shown("#grid .tile:nth-child(2) img")))
        .isEqualTo(TestService.pixels(TestService.pictures(answer).get(0)));

    browser.click("#grid .tile:nth-child(2)");
    assertThat(browser.text("document.querySelector('#detail-facts dd').textContent"))
        .isEqualTo("8");
    browser.click("#use-seed");
    assertThat(browser.text("document.getElementById('seed').value")).isEqualTo("8");
  }

  @Test
  void wrongSeed_isSaidAtItsField() throws Exception {
    browser.fill("#seed", "seven");
    browser.click("#go");
    browser.await("document.getElementById('error-seed').textContent");
    assertThat(browser.text("document.getElementById('error-seed').textContent"))
        .contains("seed must be a whole number")
        .contains("seven");
    assertThat(browser.text("document.activeElement.id")).isEqualTo("seed");
  }

  @Test
  void repaint_changesOnlyWhatTheFingerMarked() throws Exception {
    drawFour();
    browser.click("#tab-repaint");
    browser.script(
        "const brush = document.getElementById('brush'); brush.value = 1;"
            + " brush.dispatchEvent(new Event('input'))");
    browser.stroke("#mask", 60);
    browser.fill("#seed", "99");
    browser.click("#go");
    browser.await("document.querySelector('#repainted .tile')");
    int[] before = TestService.pixels(shown("#canvas-picture"));
    int[] after = TestService.pixels(shown("#repainted .tile img"));
    Object marked =
        browser.script(
            "return [...document.getElementById('mask').getContext('2d')"
                + ".getImageData(0, 0, 8, 8).data].filter((value, i) => i % 4 === 3)"
                + ".map(value => value > 0)");
    int changed = 0;
    for (int i = 0; i < before.length; i++) {
      if (Boolean.FALSE.equals(TestService.list(marked).get(i))) {
        assertThat(after[i]).isEqualTo(before[i]);
      } else if (after[i] != before[i]) {
        changed++;
      }
    }
    assertThat(changed).isPositive();
  }

  @Test
  void blend_leadsFromOnePictureToTheOther() throws Exception {
    drawFour();
    browser.click("#tab-blend");
    browser.click("#go");
    browser.await("!document.getElementById('slide').disabled");
    String slide = "const s = document.getElementById('slide'); s.value = s.%s;";
    String moved = " s.dispatchEvent(new Event('input'))";
    browser.script(String.format(slide, "min") + moved);
    assertThat(TestService.pixels(shown("#between img")))
        .isEqualTo(TestService.pixels(shown("#blend-from img")));
    browser.script(String.format(slide, "max") + moved);
    assertThat(TestService.pixels(shown("#between img")))
        .isEqualTo(TestService.pixels(shown("#blend-to img")));
  }

  @Test
  void leavingThePage_cancelsWhatItAskedFor() throws Exception {
    browser.click("#models label:nth-child(2)");
    browser.script("document.getElementById('steps').value = 100");
    browser.click("#go");
    browser.await("document.querySelector('#grid img')");
    browser.open("about:blank");
    assertThat(SLOW.cancelled().await(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void phone_needsNoScrollingToTheSide() throws Exception {
    browser.narrow(390, 844);
    drawFour();
    assertThat(browser.text("document.documentElement.scrollWidth <= 390")).isEqualTo("true");
    browser.narrow(1280, 1000);
  }
}
