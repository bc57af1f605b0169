package org.diffusion4j.examples.serve;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.diffusion4j.examples.serve.PictureModel.Kind;
import org.diffusion4j.examples.serve.PictureModel.Traits;
import org.jspecify.annotations.Nullable;

/** Reads orders, and refuses those that cannot be fulfilled before any work. */
final class OrderReader {

  /** The number of pictures of a request, and of a batch. */
  static final int MOST_PICTURES = 16;

  static final int MOST_STEPS = 250;
  static final double MOST_GUIDANCE = 20;
  static final int LONGEST_TEXT = 300;

  /**
   * With it, the seed of each picture is a whole number that every reader of JSON holds exactly.
   */
  static final long MOST_SEED = (1L << 53) - MOST_PICTURES;

  static final int STEPS = 20;
  static final int FRAMES = 13;
  static final String SAMPLER = "dpm++2m";
  static final double GUIDANCE = 2;
  static final double GUIDANCE_OF_TEXTS = 3;

  private final Map<String, PictureModel> models;
  private final List<String> samplers;

  /**
   * @param models by name; the first is the default
   * @param samplers names that may be asked for
   */
  OrderReader(Map<String, PictureModel> models, List<String> samplers) {
    this.models = models;
    this.samplers = samplers;
  }

  /**
   * Reads an order for pictures of a subject.
   *
   * @throws Refusal with a sentence that names the field
   */
  Order pictures(Fields fields) {
    PictureModel model = model(fields);
    String sampler = sampler(fields);
    return pictures(fields, method(fields, Order.Task.DRAW, model, sampler), null);
  }

  /**
   * Reads an order for pictures of which a part is known.
   *
   * @throws Refusal with a sentence that names the field
   */
  Order repainted(Fields fields) {
    PictureModel model = model(fields);
    Order.Method method = method(fields, Order.Task.REPAINT, model, Order.REPAINT);
    Traits traits = model.traits();
    Known known =
        Known.of(picture(fields, "picture", traits), picture(fields, "mask", traits), traits);
    if (known.isAll()) {
      throw Refusal.badRequest("mask must be white where to paint but was black everywhere");
    }
    return pictures(fields, method, known);
  }

  private static BufferedImage picture(Fields fields, String name, Traits traits) {
    String base64 = fields.text(name, Integer.MAX_VALUE);
    return PngReader.read(name, base64, traits.width(), traits.height());
  }

  private static Order pictures(Fields fields, Order.Method method, @Nullable Known known) {
    Sample.Subject subject = subject(fields, method.model().traits());
    int count = (int) fields.whole("count", 1, MOST_PICTURES).orElse(1);
    long seed =
        fields
            .whole("seed", 0, MOST_SEED)
            .orElseGet(() -> ThreadLocalRandom.current().nextLong(1L << 32));
    fields.requireNoMore();
    return new Order(
        method,
        LongStream.range(seed, seed + count)
            .mapToObj(s -> Sample.of(Noise.of(s), subject, known))
            .toList());
  }

  /**
   * Reads an order for pictures on the way from one to another. Their noise changes evenly, and so
   * does what they show of two classes; texts change in the middle.
   *
   * @throws Refusal with a sentence that names the field
   */
  Order blend(Fields fields) {
    PictureModel model = model(fields);
    String sampler = sampler(fields);
    int frames = (int) fields.whole("frames", 2, MOST_PICTURES).orElse(FRAMES);
    Sample from = end(fields.object("from"), model.traits());
    Sample to = end(fields.object("to"), model.traits());
    boolean mixed = model.traits().kind() == Kind.CLASSES && !from.subject().equals(to.subject());
    Order.Task task = mixed ? Order.Task.BLEND : Order.Task.DRAW;
    Order.Method method = method(fields, task, model, sampler);
    fields.requireNoMore();
    return new Order(
        method,
        IntStream.range(0, frames)
            .mapToObj(i -> new Noise(from.noise().from(), to.noise().from(), i, frames))
            .map(
                noise ->
                    mixed
                        ? new Sample(noise, from.subject(), to.subject(), null)
                        : Sample.of(noise, (noise.part() < 0.5 ? from : to).subject()))
            .toList());
  }

  private static Sample end(Fields fields, Traits traits) {
    Sample.Subject subject = subject(fields, traits);
    long seed =
        fields
            .whole("seed", 0, MOST_SEED)
            .orElseThrow(() -> fields.refuse("seed", "a whole number of at least 0", null));
    fields.requireNoMore();
    return Sample.of(Noise.of(seed), subject);
  }

  private static Order.Method method(
      Fields fields, Order.Task task, PictureModel model, String sampler) {
    Traits traits = model.traits();
    int most = Math.min(MOST_STEPS, traits.mostSteps());
    long steps = fields.whole("steps", 1, most).orElse(Math.min(STEPS, most));
    return new Order.Method(task, model, sampler, (int) steps, guidance(fields, traits));
  }

  private String sampler(Fields fields) {
    String name = fields.text("sampler", LONGEST_TEXT);
    if (!name.isEmpty() && !samplers.contains(name)) {
      throw fields.refuse("sampler", "one of " + String.join(", ", samplers), name);
    }
    return name.isEmpty() ? SAMPLER : name;
  }

  private PictureModel model(Fields fields) {
    String name = fields.text("model", LONGEST_TEXT);
    PictureModel model = name.isEmpty() ? models.values().iterator().next() : models.get(name);
    if (model == null) {
      throw fields.refuse("model", "one of " + String.join(", ", models.keySet()), name);
    }
    return model;
  }

  private static double guidance(Fields fields, Traits traits) {
    if (!traits.guided()) {
      double guidance = fields.number("guidance", 0, MOST_GUIDANCE, 1);
      if (guidance != 1) {
        throw fields.refuse("guidance", "1 for the model " + traits.name(), guidance);
      }
      return 1;
    }
    return fields.number("guidance", 0, MOST_GUIDANCE, defaultGuidance(traits));
  }

  static double defaultGuidance(Traits traits) {
    return !traits.guided() ? 1 : traits.kind() == Kind.TEXT ? GUIDANCE_OF_TEXTS : GUIDANCE;
  }

  private static Sample.Subject subject(Fields fields, Traits traits) {
    int label = -1;
    if (traits.kind() == Kind.CLASSES) {
      label = label(fields, traits);
    } else if (fields.has("class")) {
      throw Refusal.badRequest("class is for models of classes but " + traits.name() + " has none");
    }
    String text = "";
    if (traits.kind() == Kind.TEXT) {
      text = fields.text("prompt", LONGEST_TEXT).strip();
      if (text.isEmpty()) {
        throw fields.refuse("prompt", "a text of at most " + LONGEST_TEXT + " characters", null);
      }
    } else if (fields.has("prompt")) {
      throw Refusal.badRequest("prompt is for models of texts but " + traits.name() + " is none");
    }
    return new Sample.Subject(label, text);
  }

  /** A class by its number or its name. */
  private static int label(Fields fields, Traits traits) {
    @Nullable Object value = fields.any("class");
    if (value instanceof String name && traits.classes().contains(name)) {
      return traits.classes().indexOf(name);
    }
    if (value instanceof Integer number && number >= 0 && number < traits.classes().size()) {
      return number;
    }
    throw fields.refuse(
        "class", "in [0, " + (traits.classes().size() - 1) + "] or the name of a class", value);
  }
}
