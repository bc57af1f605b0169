package org.diffusion4j.internal.nn.unet;

import java.util.function.UnaryOperator;
import org.diffusion4j.internal.nn.ActivationFunction;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.LabelEmbedding;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.TextTime;
import org.nd4j.autodiff.samediff.SDVariable;

/** The embedding of the timestep, the label and all else that is one vector for a whole sample. */
final class TimeAndLabels {

  /** The random frequencies of a Fourier embedding, which are not trained. */
  static final String FOURIER_WEIGHT = "time_proj.weight";

  private final ConditionalUNet net;
  private final Layers layers;
  private final int channels;

  TimeAndLabels(ConditionalUNet net, Layers layers) {
    this.net = net;
    this.layers = layers;
    channels = net.time().channels();
  }

  /**
   * The sum of all embeddings, {@code [n, channels]}, or twice as wide if labels are concatenated.
   *
   * @param t {@code [n, 1]}
   */
  SDVariable of(SDVariable t) {
    UnaryOperator<SDVariable> project = projection();
    SDVariable sum = withLabels(timestep(project.apply(t)), project);
    if (net.textTime().isPresent()) {
      sum = sum.add(textTime(net.textTime().get()));
    }
    return net.time().finalActivation().isPresent()
        ? net.time().finalActivation().get().of(layers, sum)
        : sum;
  }

  /** The sines and cosines of timesteps, and of labels that are timesteps. */
  private UnaryOperator<SDVariable> projection() {
    boolean cosinesFirst = net.time().cosinesFirst();
    if (!net.time().fourier()) {
      int size = net.levels().get(0).channels();
      return t -> layers.sinusoidal(t, size, cosinesFirst, net.time().freqShift());
    }
    SDVariable frequencies = layers.frequencies(FOURIER_WEIGHT, channels / 2, 1);
    return t -> layers.fourier(frequencies, t, channels / 2, cosinesFirst);
  }

  private int projected() {
    return net.time().fourier() ? channels : net.levels().get(0).channels();
  }

  private SDVariable timestep(SDVariable projection) {
    SDVariable from = projection;
    if (net.time().condition().isPresent()) {
      int width = net.time().condition().getAsInt();
      SDVariable condition = layers.input(Graphs.TIMESTEP_CONDITION, -1, width);
      from =
          from.add(
              layers.denseWithoutBias("time_embedding.cond_proj", condition, width, projected()));
    }
    ActivationFunction activation = net.style().activation();
    SDVariable y = layers.timeMlp("time_embedding", from, projected(), channels, activation);
    return net.time().postActivation().isPresent()
        ? net.time().postActivation().get().of(layers, y)
        : y;
  }

  private SDVariable withLabels(SDVariable time, UnaryOperator<SDVariable> project) {
    if (net.labels().embedding() == LabelEmbedding.NONE) {
      return time;
    }
    SDVariable label = label(project);
    return net.labels().concatenated() ? layers.sd.concat(1, time, label) : time.add(label);
  }

  private SDVariable label(UnaryOperator<SDVariable> project) {
    int size = net.labels().size();
    LabelEmbedding embedding = net.labels().embedding();
    SDVariable given =
        layers.input(Graphs.CLASS, -1, embedding == LabelEmbedding.TIMESTEP ? 1 : size);
    String name = "class_embedding";
    return switch (embedding) {
      case TABLE -> given.mmul(layers.table(name + ".weight", size, channels));
      case TIMESTEP ->
          layers.timeMlp(
              name, project.apply(given), projected(), channels, net.style().activation());
      case PROJECTION -> layers.timeMlp(name, given, size, channels);
      // Its name is that of a table, which files hold as it is.
      case SIMPLE_PROJECTION -> layers.denseOfTransposed(name, given, size, channels);
      default -> given;
    };
  }

  private SDVariable textTime(TextTime settings) {
    SDVariable pooled = layers.input(Graphs.POOLED, -1, settings.pooled());
    SDVariable ids = layers.input(Graphs.TIME_IDS, -1, settings.ids());
    SDVariable embedded =
        layers.sinusoidal(
            layers.sd.reshape(ids, -1, 1),
            settings.idChannels(),
            net.time().cosinesFirst(),
            net.time().freqShift());
    embedded = layers.sd.reshape(embedded, -1, settings.ids() * settings.idChannels());
    SDVariable all = layers.sd.concat(1, pooled, embedded);
    return layers.timeMlp("add_embedding", all, settings.width(), channels);
  }
}
