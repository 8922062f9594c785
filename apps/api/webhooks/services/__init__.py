"""What webhooks do: endpoints, cutting the feed into messages, sending them, writing down what came of it."""
