package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingException;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ClassifierFreeGuidanceTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final Condition LABELS = Condition.labels(0, 1, 1, 0, 1, 0);
  private static final int N = 6;

  private static ClassMixtureDenoiser model(Prediction prediction) {
    return new ClassMixtureDenoiser(MixtureDenoiser.inThePlane(SCHEDULE, prediction));
  }

  private static INDArray samples() {
    return Values.normal(3, N, 2);
  }

  private static INDArray times() {
    return Nd4j.createFromArray(99f, 60f, 30f, 10f, 2f, 50f);
  }

  private static float[] predict(Denoiser model, Condition condition) {
    try (INDArray output = model.predict(samples(), times(), condition)) {
      return Values.of(output);
    }
  }

  /** A model and the conditions that it was asked about. */
  private static Denoiser recording(List<Condition> asked) {
    ClassMixtureDenoiser model = model(Prediction.EPSILON);
    return FunctionDenoiser.of(
        SCHEDULE,
        (x, t, c) -> {
          asked.add(c);
          return model.predict(x, t, c);
        },
        2);
  }

  @ParameterizedTest
  @EnumSource
  void predict_isTheAnalyticOne(Prediction prediction) {
    ClassMixtureDenoiser model = model(prediction);
    for (double scale : new double[] {0.5, 2, 3, 7}) {
      float[] guided = predict(ClassifierFreeGuidance.of(model, scale), LABELS);
      float[] x = Values.of(samples());
      for (int i = 0; i < N; i++) {
        double alphaBar = SCHEDULE.alphaBar((int) times().getFloat(i));
        double[] point = {x[2 * i], x[2 * i + 1]};
        double[] c = model.ofLabel(LABELS.labels()[i]).x0(point, alphaBar);
        double[] u = model.mixture().x0(point, alphaBar);
        for (int d = 0; d < 2; d++) {
          double x0 = u[d] + scale * (c[d] - u[d]);
          double epsilon = (point[d] - Math.sqrt(alphaBar) * x0) / Math.sqrt(1 - alphaBar);
          double expected =
              prediction.ofX0(Level.of(alphaBar)) * x0
                  + prediction.ofEpsilon(Level.of(alphaBar)) * epsilon;
          assertThat((double) guided[2 * i + d])
              .as("scale %s, sample %s", scale, i)
              .isCloseTo(expected, within(1e-5 * (1 + Math.abs(expected))));
        }
      }
    }
  }

  /**
   * With classes N(m, s^2) of one deviation and unlabelled samples N(0, s^2), the guided score is
   * that of N(scale m, s^2) at every noise level, and DDIM follows its flow to the clean samples.
   */
  @Test
  void sample_ofGaussiansHasTheAnalyticMeanAndDeviation() {
    double m = 0.8;
    double s = 0.6;
    double scale = 3;
    NoiseSchedule schedule = NoiseSchedule.linear(1000);
    Denoiser gaussians =
        FunctionDenoiser.of(
            schedule,
            (x, t, c) -> {
              double alphaBar = schedule.alphaBar((int) t.getFloat(0));
              double variance = alphaBar * s * s + 1 - alphaBar;
              double mean = c.isNone() ? 0 : Math.sqrt(alphaBar) * m;
              return x.sub(mean).muli(Math.sqrt(1 - alphaBar) / variance);
            },
            1);
    Denoiser guided = ClassifierFreeGuidance.builder(gaussians, scale).twoCalls().build();
    float[] start = {-2, -0.5f, 0, 1, 2.5f};
    SamplingRequest request =
        SamplingRequest.builder(5)
            .seed(0)
            .start(Values.column(start))
            .condition(Condition.label(0, 5))
            .build();
    float[] samples = SamplerMechanics.samples(new DdimSampler(1000), guided, request);
    double alphaBar = schedule.alphaBar(999);
    double deviation = Math.sqrt(alphaBar * s * s + 1 - alphaBar);
    for (int i = 0; i < 5; i++) {
      double standard = (start[i] - Math.sqrt(alphaBar) * scale * m) / deviation;
      // Within DDIM's own error at 1000 steps.
      assertThat((double) samples[i]).isCloseTo(scale * m + s * standard, within(0.005));
    }
  }

  @ParameterizedTest
  @EnumSource
  void scaleOne_isTheConditionalModelAndAsksItAlone(Prediction prediction) {
    ClassMixtureDenoiser model = model(prediction);
    assertThat(predict(ClassifierFreeGuidance.of(model, 1), LABELS))
        .isEqualTo(predict(model, LABELS));
    List<Condition> asked = new ArrayList<>();
    predict(ClassifierFreeGuidance.builder(recording(asked), 1).rescale(0.7).build(), LABELS);
    assertThat(asked).containsExactly(LABELS);
  }

  @ParameterizedTest
  @EnumSource
  void scaleZero_isTheUnconditionalModelAndAsksItAlone(Prediction prediction) {
    ClassMixtureDenoiser model = model(prediction);
    assertThat(predict(ClassifierFreeGuidance.of(model, 0), LABELS))
        .isEqualTo(predict(model, Condition.none()));
    List<Condition> asked = new ArrayList<>();
    predict(ClassifierFreeGuidance.builder(recording(asked), 0).rescale(0.7).build(), LABELS);
    assertThat(asked).containsExactly(Condition.none());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void predict_isTheFormulaOfBothOutputsBitForBit(boolean twoCalls) {
    ClassMixtureDenoiser model = model(Prediction.EPSILON);
    ClassifierFreeGuidance.Builder builder = ClassifierFreeGuidance.builder(model, 3).rescale(0.7);
    double[] scales = new double[N];
    Arrays.fill(scales, 3);
    INDArray c = model.predict(samples(), times(), LABELS);
    INDArray u = model.predict(samples(), times(), Condition.none());
    assertThat(predict((twoCalls ? builder.twoCalls() : builder).build(), LABELS))
        .isEqualTo(Values.of(new GuidanceFormula(0.7, false).guided(c, u, scales)));
  }

  @Test
  void condition_ofNoneIsAskedAlone() {
    List<Condition> asked = new ArrayList<>();
    Denoiser guided = ClassifierFreeGuidance.of(recording(asked), 5);
    assertThat(predict(guided, Condition.none()))
        .isEqualTo(predict(model(Prediction.EPSILON), Condition.none()));
    assertThat(asked).containsExactly(Condition.none());
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.7})
  void predict_inTwoCallsIsThatOfTheDoubledBatch(double rescale) {
    List<Condition> asked = new ArrayList<>();
    Denoiser model = recording(asked);
    float[] one =
        predict(ClassifierFreeGuidance.builder(model, 4).rescale(rescale).build(), LABELS);
    float[] two =
        predict(
            ClassifierFreeGuidance.builder(model, 4).rescale(rescale).twoCalls().build(), LABELS);
    for (int i = 0; i < one.length; i++) {
      assertThat(two[i]).isCloseTo(one[i], within(1e-5f));
    }
    assertThat(asked)
        .containsExactly(
            Condition.labels(0, 1, 1, 0, 1, 0, -1, -1, -1, -1, -1, -1), LABELS, Condition.none());
  }

  @Test
  void negative_takesThePlaceOfNone() {
    ClassMixtureDenoiser model = model(Prediction.EPSILON);
    float[] c = predict(model, LABELS);
    float[] u = predict(model, Condition.label(1, N));
    float[] none = predict(model, Condition.none());
    for (boolean twoCalls : new boolean[] {false, true}) {
      ClassifierFreeGuidance.Builder builder = ClassifierFreeGuidance.builder(model, 3).negative(1);
      Denoiser guided = (twoCalls ? builder.twoCalls() : builder).build();
      float[] ofLabels = predict(guided, LABELS);
      float[] ofNone = predict(guided, Condition.none());
      for (int i = 0; i < c.length; i++) {
        assertThat(ofLabels[i]).isCloseTo(u[i] + 3 * (c[i] - u[i]), within(1e-5f));
        assertThat(ofNone[i]).isCloseTo(u[i] + 3 * (none[i] - u[i]), within(1e-5f));
      }
      assertThat(predict(guided, Condition.label(1, N))).isEqualTo(u);
    }
  }

  @Test
  void timesteps_areThoseInWhichItActs() {
    ClassMixtureDenoiser model = model(Prediction.EPSILON);
    float[] everywhere = predict(ClassifierFreeGuidance.of(model, 3), LABELS);
    float[] nowhere = predict(model, LABELS);
    float[] between =
        predict(ClassifierFreeGuidance.builder(model, 3).timesteps(10, 60).build(), LABELS);
    boolean[] inside = {false, true, true, true, false, true}; // 99, 60, 30, 10, 2, 50
    for (int i = 0; i < N; i++) {
      assertThat(Arrays.copyOfRange(between, 2 * i, 2 * i + 2))
          .as("sample %s", i)
          .isEqualTo(Arrays.copyOfRange(inside[i] ? everywhere : nowhere, 2 * i, 2 * i + 2));
    }
  }

  @Test
  void timesteps_areAllByDefault_alsoThoseBelowZeroOfAnotherScale() {
    Denoiser model = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x.mul(c.isNone() ? 1 : 2), 1);
    Denoiser guided = ClassifierFreeGuidance.builder(model, 3).twoCalls().build();
    try (INDArray x = Values.column(1);
        INDArray t = Nd4j.createFromArray(-0.5f);
        INDArray output = guided.predict(x, t, Condition.labels(0))) {
      assertThat(output.getFloat(0)).isEqualTo(4);
    }
  }

  @Test
  void timesteps_beyondThemAskTheConditionalModelAlone() {
    List<Condition> asked = new ArrayList<>();
    Denoiser guided =
        ClassifierFreeGuidance.builder(recording(asked), 3).timesteps(30, 60).twoCalls().build();
    SamplingRequest request =
        SamplingRequest.builder(1).seed(0).condition(Condition.labels(1)).build();
    SamplerMechanics.samples(new DdimSampler(Timesteps.list(80, 60, 40, 20), 0), guided, request);
    Condition one = Condition.labels(1);
    assertThat(asked).containsExactly(one, one, Condition.none(), one, Condition.none(), one);
  }

  @Test
  void rescale_bringsTheDeviationBack() {
    // Conditional 1, 3 (deviation 1), unconditional 0, 0: guided by 3 it is 3, 9, of deviation 3.
    Denoiser model =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> x.mul(0).addi(Nd4j.createFromArray(1f, 3f)).muli(c.isNone() ? 0 : 1),
            2);
    for (double phi : new double[] {0, 0.7, 1}) {
      Denoiser guided = ClassifierFreeGuidance.builder(model, 3).rescale(phi).twoCalls().build();
      double factor = phi / 3 + 1 - phi;
      try (INDArray x = Nd4j.zeros(DataType.FLOAT, 1, 2);
          INDArray output = guided.predict(x, Nd4j.createFromArray(5f), Condition.labels(0))) {
        assertThat(output.getDouble(0, 0)).isCloseTo(3 * factor, within(1e-6));
        assertThat(output.getDouble(0, 1)).isCloseTo(9 * factor, within(1e-6));
      }
    }
  }

  @Test
  void rescale_ofASampleOfOneValueDoesNothing() {
    ClassMixtureDenoiser model =
        new ClassMixtureDenoiser(MixtureDenoiser.twoModes(SCHEDULE, Prediction.EPSILON));
    INDArray x = Values.column(0.3f);
    INDArray t = Nd4j.createFromArray(40f);
    Condition label = Condition.labels(1);
    assertThat(
            Values.of(
                ClassifierFreeGuidance.builder(model, 3).rescale(1).build().predict(x, t, label)))
        .isEqualTo(Values.of(ClassifierFreeGuidance.of(model, 3).predict(x, t, label)));
  }

  /** Two channels of two values, and behind them a variance that tells the condition. */
  private record WithVariance(NoiseSchedule schedule, long[] sampleShape) implements Denoiser {
    @Override
    public boolean learnsVariance() {
      return true;
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      int n = (int) xt.size(0);
      int[] labels = condition.isNone() ? Condition.label(-1, n).labels() : condition.labels();
      INDArray output = Nd4j.zeros(DataType.FLOAT, n, 4, 2);
      for (int i = 0; i < n; i++) {
        for (int channel = 0; channel < 4; channel++) {
          for (int k = 0; k < 2; k++) {
            double value = (labels[i] + 1) * (channel + 1) + k;
            output.putScalar(new int[] {i, channel, k}, value);
          }
        }
      }
      return output;
    }
  }

  @Test
  void learnedVariance_isThatOfTheConditionAndIsNotGuided() {
    Denoiser model = new WithVariance(SCHEDULE, new long[] {2, 2});
    for (boolean twoCalls : new boolean[] {false, true}) {
      ClassifierFreeGuidance.Builder builder = ClassifierFreeGuidance.builder(model, 3);
      Denoiser guided = (twoCalls ? builder.twoCalls() : builder).build();
      assertThat(guided.learnsVariance()).isTrue();
      INDArray x = Nd4j.zeros(DataType.FLOAT, 2, 2, 2);
      INDArray t = Nd4j.createFromArray(1f, 1f);
      // Conditional (label + 1) (channel + 1) + k, unconditional k.
      assertThat(Values.of(guided.predict(x, t, Condition.labels(0, 1))))
          .containsExactly(3, 4, 6, 7, 3, 4, 4, 5, 6, 7, 12, 13, 6, 7, 8, 9);
    }
  }

  @Test
  void sample_isTheSameInAnyBatchesAndGoesWhereTheLabelsSay() {
    Denoiser guided = ClassifierFreeGuidance.of(model(Prediction.EPSILON), 2);
    int[] labels = new int[20];
    for (int i = 0; i < 20; i++) {
      labels[i] = i % 2;
    }
    SamplingRequest.Builder request =
        SamplingRequest.builder(20).seed(0).condition(Condition.labels(labels));
    DdimSampler sampler = new DdimSampler(10);
    float[] whole = SamplerMechanics.samples(sampler, guided, request.build());
    assertThat(SamplerMechanics.samples(sampler, guided, request.batchSize(3).build()))
        .isEqualTo(whole);
    for (int i = 0; i < 20; i++) {
      assertThat(whole[2 * i] > 0).as("sample %s at %s", i, whole[2 * i]).isEqualTo(i % 2 == 1);
    }
  }

  @Test
  void predict_closesWhatItMakesAndNothingElse() {
    List<INDArray> made = new ArrayList<>();
    Denoiser model =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              made.add(x.mul(2));
              return made.get(made.size() - 1);
            },
            2);
    Denoiser identity = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x, 2);
    for (boolean twoCalls : new boolean[] {false, true}) {
      for (Denoiser any : new Denoiser[] {model, identity}) {
        ClassifierFreeGuidance.Builder builder = ClassifierFreeGuidance.builder(any, 3);
        try (INDArray x = samples();
            INDArray t = times()) {
          INDArray output = (twoCalls ? builder.twoCalls() : builder).build().predict(x, t, LABELS);
          assertThat(made).isNotEmpty().allMatch(INDArray::wasClosed);
          assertThat(output.wasClosed()).isFalse();
          assertThat(x.wasClosed()).isFalse();
          assertThat(t.wasClosed()).isFalse();
          output.close();
        }
      }
    }
  }

  @Test
  void model_thatReturnsAnotherShapeOrTypeIsRefused() {
    Denoiser half = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> Nd4j.zeros(DataType.FLOAT, N, 2), 2);
    Denoiser guided = ClassifierFreeGuidance.of(half, 3);
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> guided.predict(samples(), times(), LABELS))
        .withMessage(
            "the denoiser must return FLOAT [12, 2] to guidance but returned FLOAT [6, 2]");
    Denoiser wide = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x.castTo(DataType.DOUBLE), 2);
    Denoiser twice = ClassifierFreeGuidance.builder(wide, 3).twoCalls().build();
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> twice.predict(samples(), times(), LABELS))
        .withMessage(
            "the denoiser must return FLOAT [6, 2] to guidance but returned DOUBLE [6, 2]");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void sample_ofAModelThatIsNotFiniteNamesTheSample(boolean twoCalls) {
    ClassMixtureDenoiser model = model(Prediction.EPSILON);
    Denoiser bad =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              INDArray output = model.predict(x, t, c);
              if (c.isNone() || c.labels().length == 6) {
                output.putScalar(new long[] {output.size(0) - 2, 0}, Float.NaN);
              }
              return output;
            },
            2);
    ClassifierFreeGuidance.Builder builder = ClassifierFreeGuidance.builder(bad, 3).rescale(0.7);
    Denoiser guided = (twoCalls ? builder.twoCalls() : builder).build();
    SamplingRequest request =
        SamplingRequest.builder(3).seed(0).condition(Condition.labels(0, 1, 0)).build();
    assertThatExceptionOfType(SamplingException.class)
        .isThrownBy(() -> new DdimSampler(4).sample(guided, request))
        .withMessage(
            "the denoiser must return finite values but did not for sample 1 at timestep 99");
  }

  @Test
  void condition_ofAnotherCountIsRefused() {
    Denoiser guided = ClassifierFreeGuidance.of(model(Prediction.EPSILON), 3);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> guided.predict(samples(), times(), Condition.labels(0, 1)))
        .withMessage("condition must have one label per sample, 6, but has 2");
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, Double.NaN, Double.POSITIVE_INFINITY})
  void settings_outOfRangeAreRefused(double bad) {
    Denoiser model = model(Prediction.EPSILON);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClassifierFreeGuidance.of(model, bad))
        .withMessage("scale must be at least 0 but was " + bad);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClassifierFreeGuidance.builder(model, 2).rescale(bad))
        .withMessage("rescale must be in [0, 1] but was " + bad);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ClassifierFreeGuidance.builder(model, 2).timesteps(10, 100))
        .withMessage("timesteps of guidance must be within [0, 99] but were [10, 100]");
  }

  @Test
  void predictionBytes_areThoseOfTheModelAndOfTheArraysBetween() {
    Denoiser model = model(Prediction.EPSILON);
    assertThat(ClassifierFreeGuidance.of(model, 1).predictionBytes(4)).hasValue(4096);
    // For 4 and for 8 samples; twice x, twice the output and a copy, of 8 bytes a sample.
    assertThat(ClassifierFreeGuidance.of(model, 2).predictionBytes(4))
        .hasValue(4096 + 8192 + 5 * 4 * 8);
    assertThat(ClassifierFreeGuidance.builder(model, 2).twoCalls().build().predictionBytes(4))
        .hasValue(4096 + 3 * 4 * 8);
    Denoiser unknown = FunctionDenoiser.of(SCHEDULE, (x, t, c) -> x, 2);
    assertThat(ClassifierFreeGuidance.of(unknown, 2).predictionBytes(4)).isEmpty();
  }
}
