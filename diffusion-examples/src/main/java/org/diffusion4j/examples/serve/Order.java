package org.diffusion4j.examples.serve;

import java.util.List;

/**
 * A request for pictures that was checked: it fits its model.
 *
 * @param method how all of its pictures are drawn
 * @param samples the pictures, at least one
 */
record Order(Method method, List<Sample> samples) {

  /** The name under which RePaint's sampler is shown. */
  static final String REPAINT = "repaint";

  /** What is done. */
  enum Task {
    /** Pictures are drawn from noise. */
    DRAW,
    /** Pictures are drawn that lie between two classes. */
    BLEND,
    /** A part of pictures is painted anew. */
    REPAINT
  }

  Order {
    samples = List.copyOf(samples);
  }

  /**
   * What the pictures of a batch have in common.
   *
   * @param task what is done
   * @param model that draws them
   * @param sampler its name; for a repainting {@link #REPAINT}
   * @param steps number of steps
   * @param guidance scale of classifier-free guidance; 1 is none
   */
  record Method(Task task, PictureModel model, String sampler, int steps, double guidance) {}

  PictureModel model() {
    return method.model();
  }
}
