package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * Values that published code calculates, as rows of timestep, beta, alphaBar and, where it is
 * there, posterior variance.
 */
class NoiseScheduleReferenceTest {

  private static final double DOUBLE = 1e-10;
  private static final double FLOAT = 1e-5;

  /** For floats from a difference of nearly equal ones, which has lost digits. */
  private static final double FLOAT_DIFFERENCE = 1e-4;

  /** openai/improved-diffusion, get_named_beta_schedule("linear", 1000). */
  private static final String IMPROVED_DIFFUSION_LINEAR =
      """
        0 0.0001 0.9999 0.0
        1 0.00011991991991991993 0.9997800920720721 5.4531876613021935e-05
        2 0.00013983983983983984 0.9996402829841216 8.548911523090944e-05
        10 0.0002991991991991992 0.997806572507846 0.0002584636204081144
        250 0.00507997997997998 0.5214230306185275 0.005051719844085794
        500 0.010059959959959959 0.07779665836502389 0.010051335778909593
        750 0.015039939939939939 0.003300158361569426 0.01503917953667168
        998 0.01998008008008008 4.118193638138445e-05 0.019980063304243196
        999 0.02 4.035829765375676e-05 0.01999998352656061
        """;

  /** openai/improved-diffusion, get_named_beta_schedule("cosine", 1000). */
  private static final String IMPROVED_DIFFUSION_COSINE =
      """
        0 4.128422482196914e-05 0.999958715775178 0.0
        1 4.614175273665033e-05 0.9999125759273678 2.178949614569182e-05
        2 5.099948119891007e-05 0.9998615809047513 3.2210746216237576e-05
        10 8.987136245297567e-05 0.9992789037733427 7.867762336998671e-05
        250 0.0013272239542118092 0.8458879864968832 0.0013175424781917925
        500 0.003155691441585007 0.49228517244880304 0.0031460051254634824
        750 0.0075791226547340385 0.14317864642609812 0.007569450350465387
        998 0.7499993929011166 2.4287669070348544e-06 0.7499939281844208
        999 0.999 2.4287669070348567e-09 0.9989975760881921
        """;

  /** hojonathanho/diffusion, get_beta_schedule("quad", 1e-4, 0.02, 1000). */
  private static final String HO_QUAD =
      """
        0 0.0001 0.9999 0.0
        1 0.00010264836435083402 0.9997973619004856 5.065600427403409e-05
        10 0.00012804119861978077 0.9987493400364414 0.00011494719878254897
        500 0.005742071067688482 0.33127457951725564 0.0057256433079516085
        998 0.019962808524510992 0.000748380060796751 0.019962503981896123
        999 0.02 0.0007334124595808159 0.01999970042826604
        """;

  /** hojonathanho/diffusion, get_beta_schedule("jsd", 1000) without its last beta, 1. */
  private static final String HO_JSD =
      """
        0 0.001 0.999 0.0
        1 0.001001001001001001 0.998 0.0005005005005005005
        10 0.00101010101010101 0.989 0.0009182736455463728
        500 0.002 0.49899999999999956 0.001996007984031936
        998 0.5 0.0009999999999999972 0.4994994994994995
        """;

  /** ermongroup/ddim, get_beta_schedule("sigmoid", 1e-4, 0.02, 1000). */
  private static final String DDIM_SIGMOID =
      """
        0 0.00014920520081703202 0.9998507947991829 0.0
        1 0.00014979833041933025 0.9997010188194536 7.475617673136578e-05
        10 0.00015546786859772479 0.9983261901423058 0.0001410495321115505
        500 0.010079879790061013 0.29888762784675893 0.010036124470339303
        998 0.01995020166958067 4.0489620005560006e-05 0.01995018522557104
        999 0.01995079479918297 3.968181990533219e-05 0.019950778682289384
        """;

  /** lucidrains/denoising-diffusion-pytorch, sigmoid_beta_schedule(1000). */
  private static final String LUCIDRAINS_SIGMOID =
      """
        0 0.00030027919974917605 0.9996997208002508 0.0
        1 0.00030200411918746006 0.9993978073666185 0.00015059226932309614
        10 0.0003179586235700915 0.996605733865994 0.00028826543634408755
        250 0.0011641706718912292 0.8498630091830929 0.0011564899787332055
        500 0.003314364235860956 0.49834281788206963 0.0033034155136264045
        750 0.006616121840973488 0.14815968097128676 0.006608457731075655
        998 0.5013569029180894 0.00030027919974932816 0.5012054910682251
        999 0.999 3.0027919974932843e-07 0.9987003209683836
        """;

  /** Stable Diffusion: huggingface/diffusers, "scaled_linear", 0.00085 to 0.012, in double. */
  private static final String STABLE_DIFFUSION =
      """
        0 0.00085 0.99915 0.0
        1 0.0008546986554056862 0.9982960278384514 0.00042635312564883403
        500 0.00481495414171188 0.2763326838229746 0.0048060585720414465
        998 0.011982376333083366 0.004716698899875748 0.011981687660719801
        999 0.012 0.004660098513077238 0.01199931761537886
        """;

  /** huggingface/diffusers, rescale_zero_terminal_snr of the linear schedule, in double. */
  private static final String ZERO_TERMINAL_SNR_LINEAR =
      """
        0 9.999999999976694e-05 0.9999000000000002
        1 0.00012068663551045855 0.9997793254331533
        250 0.00512489556949125 0.5188605367916812
        500 0.010292617426392092 0.07524621570432673
        750 0.016886191217885038 0.002644105922212106
        998 0.7522672311504701 4.213262465088073e-09
        999 1.0 0.0
        """;

  /** huggingface/diffusers, DDPMScheduler(), in float. */
  private static final String DIFFUSERS_LINEAR =
      """
        0 9.999999747378752e-05 0.9998999834060669
        1 0.00011991991777904332 0.9997800588607788
        2 0.0001398398308083415 0.9996402859687805
        10 0.0002991991932503879 0.9978064894676208
        100 0.0020919921807944775 0.8951413631439209
        250 0.005079980008304119 0.5214230418205261
        500 0.010059960186481476 0.07779666036367416
        750 0.015039939433336258 0.003300159005448222
        900 0.018027927726507187 0.00027024451992474496
        990 0.019820721819996834 4.8370489821536466e-05
        998 0.01998008042573929 4.118194556212984e-05
        999 0.019999999552965164 4.0358307160204276e-05
        """;

  /** huggingface/diffusers, DDPMScheduler("squaredcos_cap_v2"), in float. */
  private static final String DIFFUSERS_COSINE =
      """
        0 4.128422369831242e-05 0.9999586939811707
        1 4.614175122696906e-05 0.9999125599861145
        2 5.099948248243891e-05 0.9998615384101868
        10 8.987136243376881e-05 0.9992788434028625
        100 0.0005318991607055068 0.9715756177902222
        250 0.0013272239593788981 0.8458880186080933
        500 0.003155691549181938 0.4922850430011749
        750 0.007579122669994831 0.14317865669727325
        900 0.019741855561733246 0.023616107180714607
        990 0.18998754024505615 0.00019671733025461435
        998 0.7499994039535522 2.428766265438753e-06
        999 0.9990000128746033 2.4287349909002387e-09
        """;

  /** huggingface/diffusers, DDPMScheduler("sigmoid"), in float. */
  private static final String DIFFUSERS_SIGMOID =
      """
        0 0.00014920519606675953 0.9998508095741272
        1 0.00014979831757955253 0.9997010231018066
        2 0.00015039858408272266 0.9995507001876831
        10 0.00015546786016784608 0.998326301574707
        100 0.0002626288332976401 0.9804919362068176
        250 0.001046478282660246 0.9027990102767944
        500 0.010079879313707352 0.29888758063316345
        750 0.019064290449023247 0.005622919648885727
        900 0.019839296117424965 0.00029046900453977287
        990 0.019945193082094193 4.7571953473379835e-05
        998 0.019950199872255325 4.048962364322506e-05
        999 0.01995079591870308 3.9681821363046765e-05
        """;

  /** huggingface/diffusers, DDPMScheduler("scaled_linear", 0.00085, 0.012), in float. */
  private static final String DIFFUSERS_SCALED_LINEAR =
      """
        0 0.0008499999530613422 0.9991499781608582
        1 0.0008546985918655992 0.9982960224151611
        2 0.0008594102109782398 0.9974380731582642
        10 0.0008975692908279598 0.9904313087463379
        100 0.0013839724706485868 0.894223153591156
        250 0.0024277609772980213 0.67379230260849
        500 0.004814954474568367 0.2763324975967407
        750 0.00801157858222723 0.05616981163620949
        900 0.010318080894649029 0.0141511345282197
        990 0.011841852217912674 0.005191632080823183
        998 0.01198237482458353 0.0047166962176561356
        999 0.011999999172985554 0.0046600960195064545
        """;

  /**
   * huggingface/diffusers, DDPMScheduler("scaled_linear", 0.00085, 0.012, rescale_betas_zero_snr),
   * in float.
   */
  private static final String DIFFUSERS_ZERO_TERMINAL_SNR =
      """
        0 0.0008500218391418457 0.9991499781608582
        1 0.0009172558784484863 0.9982334971427917
        2 0.0009224414825439453 0.9973126649856567
        10 0.0009636878967285156 0.9897937178611755
        100 0.0014916658401489258 0.8867608904838562
        250 0.0026475191116333008 0.6524567008018494
        500 0.0055304765701293945 0.24101859331130981
        750 0.011225461959838867 0.03279907628893852
        900 0.023962199687957764 0.002960388781502843
        990 0.19366395473480225 1.6530300854356028e-05
        998 0.751136302947998 1.9678900287090073e-07
        999 1.0 0.0
        """;

  @Test
  void linear_isThatOfImprovedDiffusion() {
    assertValues(NoiseSchedule.linear(1000), IMPROVED_DIFFUSION_LINEAR, DOUBLE);
    assertValues(NoiseSchedule.linear(1000, 1e-4, 0.02), IMPROVED_DIFFUSION_LINEAR, DOUBLE);
    assertValues(NoiseSchedule.linear(1000), DIFFUSERS_LINEAR, FLOAT);
  }

  @Test
  void cosine_isThatOfImprovedDiffusion() {
    assertValues(NoiseSchedule.cosine(1000), IMPROVED_DIFFUSION_COSINE, DOUBLE);
    assertValues(NoiseSchedule.cosine(1000), DIFFUSERS_COSINE, FLOAT_DIFFERENCE);
  }

  @Test
  void scaledLinear_isThatOfDdpmAndStableDiffusion() {
    assertValues(NoiseSchedule.scaledLinear(1000, 1e-4, 0.02), HO_QUAD, DOUBLE);
    NoiseSchedule stableDiffusion = NoiseSchedule.scaledLinear(1000, 0.00085, 0.012);
    assertValues(stableDiffusion, STABLE_DIFFUSION, DOUBLE);
    assertValues(stableDiffusion, DIFFUSERS_SCALED_LINEAR, FLOAT);
  }

  @Test
  void sigmoid_isThatOfDdim() {
    assertValues(NoiseSchedule.sigmoid(1000), DDIM_SIGMOID, DOUBLE);
    assertValues(NoiseSchedule.sigmoid(1000, 1e-4, 0.02), DDIM_SIGMOID, DOUBLE);
    assertValues(NoiseSchedule.sigmoid(1000), DIFFUSERS_SIGMOID, FLOAT);
  }

  @Test
  void ofBetas_ofDdpmJsd() {
    double[] betas = IntStream.range(0, 999).mapToDouble(t -> 1.0 / (1000 - t)).toArray();
    assertValues(NoiseSchedule.ofBetas(betas), HO_JSD, DOUBLE);
  }

  @Test
  void ofAlphaBars_ofLucidrainsSigmoid() {
    double[] alphaBars = new double[1000];
    for (int t = 0; t < 999; t++) {
      alphaBars[t] = (logistic(3) - logistic((t + 1) * 6e-3 - 3)) / (logistic(3) - logistic(-3));
    }
    alphaBars[999] = (1 - 0.999) * alphaBars[998];
    assertValues(NoiseSchedule.ofAlphaBars(alphaBars), LUCIDRAINS_SIGMOID, DOUBLE);
  }

  @Test
  void withZeroTerminalSnr_isThatOfDiffusers() {
    assertValues(
        NoiseSchedule.linear(1000).withZeroTerminalSnr(), ZERO_TERMINAL_SNR_LINEAR, DOUBLE);
    assertValues(
        NoiseSchedule.scaledLinear(1000, 0.00085, 0.012).withZeroTerminalSnr(),
        DIFFUSERS_ZERO_TERMINAL_SNR,
        FLOAT_DIFFERENCE);
  }

  private static double logistic(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private static void assertValues(NoiseSchedule schedule, String table, double relative) {
    table
        .lines()
        .forEach(
            line -> {
              String[] row = line.split(" ", -1);
              int t = Integer.parseInt(row[0]);
              assertClose("beta", t, schedule.beta(t), row[1], relative);
              assertClose("alphaBar", t, schedule.alphaBar(t), row[2], relative);
              if (row.length > 3) {
                double variance = schedule.posteriorVariance(t);
                assertClose("posterior variance", t, variance, row[3], relative);
              }
            });
  }

  private static void assertClose(
      String what, int t, double actual, String expected, double relative) {
    double value = Double.parseDouble(expected);
    assertThat(actual).as("%s of step %d", what, t).isCloseTo(value, within(value * relative));
  }
}
