"""What somebody who looks at the bridge is shown: read from the engine's state, never changed."""
