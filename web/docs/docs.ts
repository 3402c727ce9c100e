import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

/** The interactive page of the HTTP API: all of it comes from this origin, so it works without the internet. */
SwaggerUI({
  url: "/api/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // Keeps the access token over a reload of the page.
  persistAuthorization: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  // No badge: it would ask a server of somebody else.
  validatorUrl: null,
});
