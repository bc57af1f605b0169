/**
 * A service that draws pictures over HTTP, with a page for a browser. {@link
 * org.diffusion4j.examples.serve.PictureServer} is the service, {@link
 * org.diffusion4j.examples.serve.PictureModel} what it draws with.
 */
@NullMarked
package org.diffusion4j.examples.serve;

import org.jspecify.annotations.NullMarked;
